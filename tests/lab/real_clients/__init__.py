"""Clients as people install them, from npm and PyPI, that are given the URL of the MCP server and nothing else.

Each is installed with its own lock file into the lab's cache (`installed`), and runs unchanged on a machine whose
/etc/hosts knows the lab's names, that trusts the lab's CA, and whose browser consents at once (`machine`).
"""
