"""Namespaces of the stack. The program owns them, with their injection label; what runs in them is others' work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.graph import Graph


class NamespaceDeclaration(NamedTuple):
    """A namespace that the program makes. The injection label itself depends on the control plane's revision or tag."""

    name: str
    role: Literal["apps", "gateway"]
    owners: tuple[str, ...]
    """Paths of the specs that need it."""

    @property
    def injected(self) -> bool:
        """All are: an app's pods get a sidecar, and a gateway's pod is filled in by the injector (its image is
        `auto`)."""
        return True


def namespaces_of(graph: Graph) -> tuple[NamespaceDeclaration, ...]:
    """Every namespace of apps, gateways and the rate limit service, by name."""
    owners: dict[str, list[str]] = {}
    gateways = {spec.home for spec in graph.gateways.values()}
    for spec in graph.gateways.values():
        owners.setdefault(spec.home, []).append(spec.declared_at)
    for spec in graph.apps.values():
        owners.setdefault(spec.namespace, []).append(spec.declared_at)
    for spec in graph.grants.values():
        for name in spec.namespaces:
            owners.setdefault(name, []).append(spec.declared_at)
    if graph.failing_over:
        gateways.add(EAST_WEST.home)
        owners.setdefault(EAST_WEST.home, []).append(EAST_WEST.declared_at)
    service = graph.rate_limit_service
    if service is not None:
        owners.setdefault(service.namespace, []).append("rate_limit_service")
    return tuple(
        NamespaceDeclaration(name, "gateway" if name in gateways else "apps", tuple(owners[name]))
        for name in graph.own_namespaces
    )
