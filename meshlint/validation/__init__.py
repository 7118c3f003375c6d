"""What Istio's validating webhook and its CRDs refuse: a grammar per kind, and none that reads two objects."""
