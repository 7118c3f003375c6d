"""Deploys that are killed in the middle: by SIGKILL, at a moment and in a part that a seed draws.

`kill` ends one part of a running deploy, `declarations` draws what is being deployed, `converging` checks what the
same command makes of it afterwards.
"""
