"""The official conformance suite (https://github.com/modelcontextprotocol/conformance) and the server that it asks for.

`server` runs in place of the lab's sample server, or as a process of this machine for what the suite says without a
mesh between. `suite` runs the scenarios.
"""
