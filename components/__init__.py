"""Pulumi components: the cluster, Istio's charts, gateways, and the registration of every Istio object."""
