"""What a caller's Sidecar lets it see.

Source: istio.io/latest/docs/reference/config/networking/sidecar
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.reachability.identities import edges, labels_of
from meshlint.reachability.request import Answer, Outcome
from meshlint.view.fields import elements, mapping, string_map, strings, text
from meshlint.view.hosts import covers
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


def sidecar_of(mesh: MeshView, namespace: str, account: str) -> Manifest | None:
    """The Sidecar that holds for a caller: one that selects its pods, else its namespace's, else the root's."""
    return mesh.once(("sidecar", namespace, account), lambda: _sidecar_of(mesh, namespace, account))


def _sidecar_of(mesh: MeshView, namespace: str, account: str) -> Manifest | None:
    best: tuple[int, Manifest] | None = None
    for obj in mesh.istio("Sidecar"):
        selector = string_map(obj.spec, "workloadSelector", "labels")
        if obj.namespace not in (namespace, mesh.root_namespace):
            continue
        if selector and not any(selects(selector, found) for found in labels_of(mesh, namespace, account)):
            continue
        rank = 2 if selector else 1 if obj.namespace == namespace else 0
        if best is None or rank > best[0]:
            best = (rank, obj)
    return best[1] if best is not None else None


def hidden(mesh: MeshView, host: str, namespace: str, account: str, port: int) -> Answer | None:
    """The refusal of the caller's Sidecar, where it keeps the host out of the caller's sight."""
    key = ("hidden", host, namespace, account, port)
    return mesh.once(key, lambda: _hidden(mesh, host, namespace, account, port))


def _hidden(mesh: MeshView, host: str, namespace: str, account: str, port: int) -> Answer | None:
    sidecar = sidecar_of(mesh, namespace, account)
    if sidecar is None or any(edge.principal.split("/")[2::2] == [namespace, account] for edge in edges(mesh)):
        # No Sidecar holds for a gateway.
        return None
    listed = [entry for egress in elements(sidecar.spec, "egress") for entry in strings(egress, "hosts")]
    if not listed or any(_lists(entry, host, namespace, mesh) for entry in listed):
        return None
    mode = text(sidecar.spec, "outboundTrafficPolicy", "mode") or ("REGISTRY_ONLY" if mesh.registry_only else "")
    if mode != "REGISTRY_ONLY":
        return None
    why = f"it does not list {host}, and nothing else is reached"
    return Answer(Outcome.DENIED, 502 if _reads_requests(mesh, listed, namespace, port) else 0, sidecar.key, why)


def _reads_requests(mesh: MeshView, listed: Sequence[str], namespace: str, port: int) -> bool:
    """Whether a sidecar reads HTTP at a port, for some host that it lists there; else it only ends the connection."""
    spoken = [(service.fqdn, service.ports) for service in mesh.services]
    seen = [(host, entry) for host, entries in mesh.service_entries_by_host.items() for entry in entries]
    spoken += [(host, entry.ports) for host, entry in seen if entry.visible_in(namespace)]
    return any(
        one.number == port and one.protocol in _HTTP and any(_lists(entry, host, namespace, mesh) for entry in listed)
        for host, ports in spoken
        for one in ports
    )


_HTTP = frozenset({"http", "http2", "grpc", "grpc-web", "h2c"})


def _lists(entry: str, host: str, namespace: str, mesh: MeshView) -> bool:
    where, _, pattern = entry.partition("/")
    if where != "*" and (namespace if where == "." else where) not in _homes(mesh, host):
        return False
    return covers(pattern, host) or covers(host, pattern)


def _homes(mesh: MeshView, host: str) -> set[str]:
    """The namespaces of the objects that put a host into the registry."""
    service = mesh.service_by_fqdn.get(host)
    if service is not None:
        return {service.obj.namespace}
    entries = mesh.entries_for(host)
    if not entries and host.endswith(".svc.cluster.local"):
        # A Service that the objects do not show is where its name says.
        return {host.split(".")[1]}
    return {found.obj.namespace for found in entries}


def is_scoped(mesh: MeshView, namespace: str, account: str) -> bool:
    """Whether a Sidecar of the caller's own says what it may see."""
    sidecar = sidecar_of(mesh, namespace, account)
    return sidecar is not None and bool(mapping(sidecar.spec, "workloadSelector"))
