"""What other languages than Python need to judge the package's SDKs."""
