"""What runs on the lab's mesh: a real MCP server, its callers, a token issuer and a small internet."""
