"""Who can reach what, from the objects alone: caller, host, method, path, token -> allowed, denied or challenged."""
