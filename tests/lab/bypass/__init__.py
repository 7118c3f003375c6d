"""Ways around the rules of an MCP endpoint, as data: each a request that must not reach the app."""
