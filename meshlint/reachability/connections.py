"""Connections that a proxy passes on without reading requests, and how callers open theirs.

Sources: istio.io/latest/docs/reference/config/networking (virtual-service: TLSRoute, TCPRoute; destination-rule)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.reachability.request import Share
from meshlint.view.fields import elements, mapping, strings, text, whole
from meshlint.view.hosts import covers, fqdn
from meshlint.view.kubernetes import selects
from meshlint.view.routing import MESH_GATEWAY, Destination, qualified_gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshlint.view.fields import Json
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import DestinationRule, Subset, VirtualService


def connection_targets(
    services: Iterable[VirtualService], gateways: Sequence[str], *, host: str, port: int, block: str
) -> list[tuple[VirtualService, list[Destination]]]:
    """Where the routes of `spec.tls` or `spec.tcp` (`block`) lead a connection to a host and port: the first that takes
    it, of each VirtualService."""
    found: list[tuple[VirtualService, list[Destination]]] = []
    for service in services:
        for position, raw in enumerate(elements(service.spec, block)):
            matches = elements(raw, "match")
            if not matches or any(_takes(match, service, gateways, host, port) for match in matches):
                targets = [
                    _target(entry, service, block, position, number)
                    for number, entry in enumerate(elements(raw, "route"))
                ]
                found.append((service, targets))
                break
    return found


def _takes(match: Json, service: VirtualService, gateways: Sequence[str], host: str, port: int) -> bool:
    named = [qualified_gateway(name, service.obj.namespace) for name in strings(match, "gateways")]
    names = strings(match, "sniHosts")
    return (
        whole(match, "port") in (None, port)
        and (not names or any(covers(name.lower(), host) for name in names))
        and (not named or bool(set(named) & set(gateways)))
    )


def _target(entry: Json, service: VirtualService, block: str, position: int, number: int) -> Destination:
    raw = mapping(entry, "destination")
    host = text(raw, "host")
    return Destination(
        ("spec", block, position, "route", number, "destination"),
        host,
        fqdn(host, service.obj.namespace),
        text(raw, "subset"),
        whole(raw, "port", "number"),
        whole(entry, "weight"),
        text(entry, "refused"),
    )


MESH = (MESH_GATEWAY,)


def shares(mesh: MeshView, destinations: Sequence[Destination]) -> tuple[Share, ...]:
    """The parts of a route's requests, in percent; empty where all go to one host as a whole."""
    weighted = [(target, target.weight if target.weight is not None else 0) for target in destinations]
    total = sum(weight for _, weight in weighted)
    if len(destinations) == 1 or not total:
        weighted = [(target, 1) for target in destinations]
        total = len(destinations)
    if all(not target.subset for target, _ in weighted) and len({target.fqdn for target, _ in weighted}) < 2:
        return ()
    return tuple(
        Share(target.fqdn, target.subset, round(100 * weight / total), _labels(mesh, target))
        for target, weight in weighted
        if weight
    )


def _labels(mesh: MeshView, target: Destination) -> tuple[tuple[str, str], ...]:
    subset = subset_of(mesh, target.fqdn, target.subset)
    return tuple(sorted(subset.labels.items())) if subset is not None else ()


def rules_of(mesh: MeshView, host: str) -> list[DestinationRule]:
    """The DestinationRules of a host, the oldest first: by its name, else by wildcards."""
    named = mesh.destination_rules_by_host.get(host)
    if named:
        return named
    return [
        rule
        for pattern, rules in mesh.destination_rules_by_host.items()
        if pattern.startswith("*") and covers(pattern, host)
        for rule in rules
    ]


def subset_of(mesh: MeshView, host: str, name: str) -> Subset | None:
    """The subset of a host as some DestinationRule defines it; None for one that none does."""
    if not name:
        return None
    return mesh.once(("subset", host, name), lambda: _subset_of(mesh, host, name))


def _subset_of(mesh: MeshView, host: str, name: str) -> Subset | None:
    return next((one for rule in rules_of(mesh, host) for one in rule.subsets if one.name == name), None)


def lacks_pods(mesh: MeshView, target: Destination) -> str:
    """Why a route finds nobody, half a sentence; empty where it finds pods, or none are shown."""
    if target.refused:
        return target.refused
    if not target.subset:
        return ""
    subset = subset_of(mesh, target.fqdn, target.subset)
    if subset is None:
        return f"no DestinationRule defines the subset {target.subset} of {target.fqdn}"
    service = mesh.service_by_fqdn.get(target.fqdn)
    pods = mesh.backends(service) if service is not None else []
    if pods and not any(selects(subset.labels, pod.labels) for pod in pods):
        return f"no pods of {target.fqdn} have the labels of the subset {target.subset}"
    return ""


def opens_mtls(mesh: MeshView, host: str, subset: str, port: int) -> bool:
    """Whether callers in the mesh show their certificate to a host: Istio has them do so unless a DestinationRule sets
    another mode."""
    return mesh.once(("mtls", host, subset, port), lambda: _opens_mtls(mesh, host, subset, port))


def _opens_mtls(mesh: MeshView, host: str, subset: str, port: int) -> bool:
    policies = [rule.policy for rule in rules_of(mesh, host)]
    chosen = subset_of(mesh, host, subset)
    if chosen is not None and chosen.policy:
        policies.insert(0, chosen.policy)
    for policy in policies:
        for setting in elements(policy, "portLevelSettings"):
            if whole(setting, "port", "number") == port and "tls" in setting:
                return text(setting, "tls", "mode") == "ISTIO_MUTUAL"
        if "tls" in policy:
            return text(policy, "tls", "mode") == "ISTIO_MUTUAL"
    return True
