"""What a tool may be called by, and what servers answer to besides."""

from __future__ import annotations

PLAIN_TOOL_NAME = r"[A-Za-z0-9_.-]+"
"""No comma (a doubled header is joined by one) and no `=?base64?`: both would hide a name from an exact match."""

ALIAS = r"__[0-9a-f]{12}_.+"
"""A second name, to which FastMCP answers for every tool of a FastMCPApp by the hash in it alone (its
`server/providers/addressing.py`). Which tool it is only the server knows, so a call of it needs what every guarded tool
needs."""
