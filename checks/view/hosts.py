"""How Istio reads host names: short names, wildcards, and which pattern covers which host."""

from __future__ import annotations


def fqdn(host: str, namespace: str, domain: str = "cluster.local") -> str:
    """A host as istiod resolves it: a name without a dot is a Service of the object's own namespace.

    Source: `ResolveShortnameToFQDN` in Istio's pilot; `name.namespace` is *not* expanded.
    """
    if not host or "." in host or host == "*":
        return host.lower()
    return f"{host}.{namespace}.svc.{domain}".lower()


def covers(pattern: str, host: str) -> bool:
    """Whether a host pattern (`*`, `*.example.com`, a name) covers a host or a narrower pattern."""
    if pattern in ("*", host):
        return True
    return pattern.startswith("*") and host.endswith(pattern[1:])


def overlap(left: str, right: str) -> bool:
    """Whether some host falls under both patterns."""
    return covers(left, right) or covers(right, left)


def is_external(host: str, domain: str = "cluster.local") -> bool:
    """Whether a host is a name outside the cluster's own DNS."""
    return "." in host and not host.endswith((f".svc.{domain}", ".svc", ".local", ".internal.svc"))
