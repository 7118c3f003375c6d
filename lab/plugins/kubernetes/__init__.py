"""The lab's stand-in for `pulumi-resource-kubernetes`: server-side apply against a real API server."""
