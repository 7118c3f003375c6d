"""Which way a policy faces: towards clients, towards workloads, or mistakenly outwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination
    from meshlint.view.security import AuthorizationPolicy, PolicyRule

_GATEWAY_WORDS = ("gateway", "ingress", "egress", "waypoint")


def guards_gateway(mesh: MeshView, policy: AuthorizationPolicy) -> bool:
    """Whether the policy is on a gateway, as its selector or its target says."""
    if any(target.get("kind") == "Gateway" for target in policy.targets):
        return True
    return selects_gateway(mesh, policy.obj.namespace, policy.selector)


def selects_gateway(mesh: MeshView, namespace: str, labels: dict[str, str]) -> bool:
    """Whether labels select a gateway's pods: as the input shows, and by their words where it shows no such pods."""
    if not labels:
        return False
    if any(pod.namespace == namespace and selects(labels, pod.labels) for pod in mesh.gateway_workloads):
        return True
    if any(gateway.selector and selects(gateway.selector, labels) for gateway in mesh.gateways):
        return True
    if mesh.select(namespace, labels):
        return False
    return any(word in found for found in labels.values() for word in _GATEWAY_WORDS)


def is_gateway_identity(mesh: MeshView, name: str) -> bool:
    """Whether a principal or a service account (`NAMESPACE/NAME`) is a gateway's."""
    parts = name.split("/")
    identity = (parts[-3], parts[-1]) if len(parts) == 5 else (parts[0], parts[-1])
    if identity in mesh.gateway_accounts:
        return True
    if identity in mesh.service_accounts:
        return False
    return any(word in name for word in _GATEWAY_WORDS)


def is_gateway_host(mesh: MeshView, host: str) -> bool:
    """Whether a host of the cluster is the Service of a gateway."""
    service = mesh.service_by_fqdn.get(host)
    if service is None or not service.selector:
        return any(word in host.partition(".")[0] for word in ("egressgateway", "egress-gateway", "egress"))
    return selects_gateway(mesh, service.obj.namespace, service.selector)


def is_outward(mesh: MeshView, host: str) -> bool:
    """Whether a host in a policy is one that the mesh calls, not one that it serves."""
    name = host.lower().removesuffix(":*").partition(":")[0]
    if not name or name == "*" or name.endswith((".local", ".svc")) or "." not in name:
        return False
    if name.rpartition(".")[2] in mesh.namespace_names:
        # `name.namespace`: a Service by the short name that its callers use.
        return False
    entries = [entry for entry in mesh.entries_for(name) if entry.external]
    if any(name in entry.hosts for entry in entries):
        return True
    # A host that a gateway serves comes in, even below a domain of which everything else is outside.
    if mesh.serves_some_of(name):
        return False
    if entries:
        return True
    return (bool(mesh.served_hosts) and mesh.shows_every_gateway) or name.endswith(_WELL_KNOWN_APIS)


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
