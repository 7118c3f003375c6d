"""One self-contained page about a stack."""
