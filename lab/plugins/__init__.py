"""Stand-ins for Pulumi's plugins, for machines that cannot fetch the real ones.

Each is an executable in `bin/`. `stand_ins` says which of them a machine needs.
"""
