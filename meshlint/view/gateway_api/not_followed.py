"""What of Gateway API and ambient mode is among the objects and not judged: said in a line, never silence."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.view.fields import elements, text
from meshlint.view.gateway_api.ambient import USE_WAYPOINT, USE_WAYPOINT_NAMESPACE
from meshlint.view.gateway_api.listeners import Role
from meshlint.view.kubernetes import WORKLOAD_KINDS
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.view.mesh import MeshView

_KINDS = {
    "BackendTLSPolicy": "TLS that gateways open to backends",
    "UDPRoute": "Istio does not read it",
    "InferencePool": "the Service that Istio makes of it",
    "XBackendTrafficPolicy": "retry budgets",
    "XBackend": "Istio does not read it",
    "XMesh": "Istio does not read it",
}
_GROUPS = (GATEWAY_API, "gateway.networking.x-k8s.io", "inference.networking.k8s.io")
_FILTERS = frozenset({"ExtensionRef", "ExternalAuth"})
_SHOWN = 3
"""How many objects are named of those that are left out for the same reason."""


def not_followed(mesh: MeshView) -> list[str]:
    """What is left out, each as `REASON: OBJECT, OBJECT`; empty where everything is followed."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for reason, name in _left_out(mesh):
        found[reason][name] = None
    return [f"{reason}: {_listed(list(names))}" for reason, names in found.items()]


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest


def _left_out(mesh: MeshView) -> Iterator[tuple[str, str]]:
    for gateway in mesh.api_gateways:
        if gateway.role is Role.FOREIGN:
            yield "Gateways that another controller serves", f"{gateway.key} ({gateway.class_name})"
        elif gateway.role in (Role.EAST_WEST, Role.REMOTE):
            yield "Gateways between clusters", gateway.key
    for kind, what in _KINDS.items():
        for obj in mesh.by_kind.get(kind, ()):
            if obj.group in _GROUPS:
                yield f"{kind} ({what})", f"{obj.namespace}/{obj.name}"
    yield from _routes(mesh)
    if mesh.has_ambient:
        yield from _waypoints(mesh)


def _routes(mesh: MeshView) -> Iterator[tuple[str, str]]:
    for route in mesh.api_routes:
        for parent in route.parents:
            to = parent.reference
            if to.group == GATEWAY_API and (to.kind, to.namespace, to.name) not in mesh.listeners_by_owner:
                yield "routes whose Gateway no object shows", route.obj.key
        for rule in route.rules:
            for one in elements(rule.raw, "filters"):
                if text(one, "type") in _FILTERS:
                    yield f"filters of the type {text(one, 'type')}", route.obj.key


def _waypoints(mesh: MeshView) -> Iterator[tuple[str, str]]:
    for obj in mesh.objects:
        used = mesh.waypoint_use(obj) if USE_WAYPOINT in obj.labels and obj.kind != "Namespace" else None
        if used is not None and obj.kind in ("ServiceEntry", *WORKLOAD_KINDS):
            yield "waypoints of outside hosts and of single workloads", obj.key
        if used is not None and used.key not in mesh.api_gateway_by_key:
            yield "waypoints that no object shows (taken to be absent)", used.key
    for obj in mesh.namespaces.values():
        name = obj.labels.get(USE_WAYPOINT, "")
        key = f"{obj.labels.get(USE_WAYPOINT_NAMESPACE) or obj.name}/{name}"
        if name not in ("", "none") and key not in mesh.api_gateway_by_key:
            yield "waypoints that no object shows (taken to be absent)", key
