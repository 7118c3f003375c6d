"""What the linter says about objects that Istio refuses, measured against Istio's own validator."""
