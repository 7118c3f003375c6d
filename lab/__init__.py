"""A one-node Kubernetes on the developer's own machine that runs the stack for real: ``python -m lab --help``."""
