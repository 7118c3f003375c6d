"""Which way a policy faces: towards clients, towards workloads, or mistakenly outwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.view.hosts import covers

if TYPE_CHECKING:
    from checks.view.mesh import MeshView
    from checks.view.security import AuthorizationPolicy

_GATEWAY_WORDS = ("gateway", "ingress", "egress", "waypoint")


def guards_gateway(policy: AuthorizationPolicy) -> bool:
    """Whether the policy is on a gateway, as its selector or its target says."""
    if any(target.get("kind") == "Gateway" for target in policy.targets):
        return True
    return any(word in found for found in policy.selector.values() for word in _GATEWAY_WORDS)


def is_outward(mesh: MeshView, host: str) -> bool:
    """Whether a host in a policy is one that the mesh calls, not one that it serves."""
    name = host.lower().removesuffix(":*").partition(":")[0]
    if not name or name == "*" or name.endswith((".local", ".svc")) or "." not in name:
        return False
    if name.rpartition(".")[2] in mesh.namespace_names:
        # `name.namespace`: a Service by the short name that its callers use.
        return False
    if any(entry.external for entry in mesh.entries_for(name)):
        return True
    served = mesh.served_hosts
    if any(covers(pattern, name) or covers(name, pattern) for pattern in served):
        return False
    return bool(served) or name.endswith(_WELL_KNOWN_APIS)


_WELL_KNOWN_APIS = (
    "openai.com", "googleapis.com", "amazonaws.com", "azure.com", "github.com", "anthropic.com", "stripe.com",
    "slack.com", "windows.net",
)  # fmt: skip
