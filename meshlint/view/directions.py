"""Which way a policy faces: towards clients, towards workloads, or mistakenly outwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination
    from meshlint.view.security import AuthorizationPolicy, PolicyRule

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
    if mesh.serves_some_of(name):
        return False
    return bool(mesh.served_hosts) or name.endswith(_WELL_KNOWN_APIS)


_WELL_KNOWN_APIS = (
    "openai.com", "googleapis.com", "amazonaws.com", "azure.com", "github.com", "anthropic.com", "stripe.com",
    "slack.com", "windows.net",
)  # fmt: skip


def pod_labels(mesh: MeshView, host: str) -> dict[str, str] | None:
    """Labels of the pods behind a host: the Service's selector, or `app: NAME` where the Service is not shown."""
    service = mesh.service_by_fqdn.get(host)
    if service is None:
        return {"app": host.partition(".")[0]}
    pods = mesh.backends(service)
    if pods:
        return pods[0].labels
    return service.selector or None


def allow_rules(mesh: MeshView, target: Destination) -> list[PolicyRule]:
    """The rules of all ALLOW policies on the pods behind a destination; empty if there are none."""
    _, _, rest = target.fqdn.partition(".")
    namespace, _, suffix = rest.partition(".")
    labels = pod_labels(mesh, target.fqdn) if suffix == "svc.cluster.local" else None
    if labels is None:
        return []
    return [
        rule_
        for policy in mesh.policies_by_selector.applying(namespace, labels)
        if policy.action == "ALLOW" and not policy.targets
        for rule_ in policy.rules
    ]
