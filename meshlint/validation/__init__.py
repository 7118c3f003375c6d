"""What Istio's validating webhook and its CRDs refuse, by kind: one grammar per file, and none that reads two objects."""
