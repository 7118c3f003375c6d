"""Who is in a mesh: gateways' pods, service accounts, and labels of pods that no object shows.

A declaration has no workloads. Who they are then follows from who is named: principals in policies, and selectors.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import mapping, string_map, strings
from meshlint.view.gateway_api.listeners import GATEWAY_NAME
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy

Account = tuple[str, str]
"""(namespace, service account)."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The pods of a gateway."""

    name: str
    namespace: str
    labels: dict[str, str]
    principal: str

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


def principal_of(mesh: MeshView, namespace: str, account: str) -> str:
    """TRUSTDOMAIN/ns/NAMESPACE/sa/ACCOUNT, as certificates and policies name it."""
    return f"{mesh.trust_domain}/ns/{namespace}/sa/{account}"


def edges(mesh: MeshView) -> list[Edge]:
    """Every gateway's pods: from charts and Deployments; else one for each selector of a Gateway object."""
    return mesh.once(EDGES, lambda: _edges(mesh))


EDGES = "edges"
"""Under which a mesh keeps them."""


def _edges(mesh: MeshView) -> list[Edge]:
    known = [
        Edge(pods.name, pods.namespace, pods.labels, principal_of(mesh, pods.namespace, pods.service_account))
        for pods in mesh.gateway_workloads
        if GATEWAY_NAME not in pods.labels
    ] or _edges_by_selector(mesh)
    return [*known, *_edges_of_gateway_api(mesh, known)]


def _edges_of_gateway_api(mesh: MeshView, known: Sequence[Edge]) -> Iterator[Edge]:
    """The pods that Istio runs for Gateways of Gateway API, and those behind the Service that one of them names."""
    shown = {(pods.namespace, pods.labels.get(GATEWAY_NAME, "")): pods for pods in mesh.gateway_workloads}
    for gateway in mesh.api_gateways:
        if not gateway.routes_requests:
            continue
        labels, namespace = mesh.pods_of(gateway)
        pods = shown.get((namespace, gateway.obj.name))
        if gateway.is_deployed and pods is not None:
            yield Edge(pods.name, namespace, pods.labels, principal_of(mesh, namespace, pods.service_account))
        elif gateway.is_deployed:
            principal = principal_of(mesh, namespace, gateway.service_account)
            yield Edge(gateway.workload_name, namespace, labels, principal)
        elif not any(edge.namespace == namespace and selects(labels, edge.labels) for edge in known):
            name = gateway.service.partition(".")[0]
            yield Edge(name, namespace, labels, principal_of(mesh, namespace, name))


def _edges_by_selector(mesh: MeshView) -> list[Edge]:
    selectors = {tuple(sorted(gateway.selector.items())): gateway for gateway in mesh.gateways}
    found: list[Edge] = []
    for labels, first in selectors.items():
        namespace, account = _account_of(mesh, first.obj.namespace, dict(labels))
        found.append(Edge(first.obj.name, namespace, dict(labels), principal_of(mesh, namespace, account)))
    return found


def _account_of(mesh: MeshView, namespace: str, selector: dict[str, str]) -> Account:
    """The account of a gateway that only its selector shows: the one that policies name so, or the chart's own name."""
    fitting = sorted(
        named for named in named_accounts(mesh) if any(value and value in named[1] for value in selector.values())
    )
    near = [named for named in fitting if named[0] == namespace]
    return next(iter(near or fitting), (namespace, f"istio-{selector.get('istio', 'ingressgateway')}"))


def edge_behind(mesh: MeshView, host: str) -> Edge | None:
    """The gateway whose Service has this name; None for every other host."""
    return mesh.once(("edge", host), lambda: _edge_behind(mesh, host))


def _edge_behind(mesh: MeshView, host: str) -> Edge | None:
    name, _, rest = host.partition(".")
    namespace = rest.partition(".")[0]
    if not rest.endswith("svc.cluster.local"):
        return None
    service = mesh.service_by_fqdn.get(host)
    for edge in edges(mesh):
        if edge.namespace != namespace:
            continue
        if service is not None and service.selector and selects(service.selector, edge.labels):
            return edge
        if GATEWAY_NAME in edge.labels:
            if name == edge.name:
                return edge
            continue
        if service is None and any(value and value in name for value in (edge.name, *edge.labels.values())):
            return edge
    return None


def named_accounts(mesh: MeshView) -> frozenset[Account]:
    """The service accounts that policies name exactly."""
    return mesh.once("named accounts", lambda: frozenset(_named(mesh)))


def _named(mesh: MeshView) -> Iterator[Account]:
    for policy in mesh.authorization_policies:
        yield from accounts_in(policy)


def accounts_in(policy: AuthorizationPolicy) -> Iterator[Account]:
    """The service accounts that one policy names exactly, as allowed, denied or excepted."""
    for rule in policy.rules:
        principals: list[str] = []
        for source in rule.sources:
            principals += [*strings(source.raw, "principals"), *strings(source.raw, "notPrincipals")]
            for name in (*strings(source.raw, "serviceAccounts"), *strings(source.raw, "notServiceAccounts")):
                namespace, _, account = name.rpartition("/")
                yield namespace or policy.obj.namespace, account
        for condition in rule.conditions:
            if condition.key == "source.principal":
                principals += [*condition.values, *condition.not_values]
        for principal in principals:
            parts = principal.split("/")
            if len(parts) == 5 and "*" not in principal:
                yield parts[2], parts[4]


def service_accounts(mesh: MeshView) -> frozenset[Account]:
    """Every service account that an object declares, uses or names, without those of gateways."""
    gateways = {tuple(edge.principal.split("/")[2::2]) for edge in edges(mesh)}
    return frozenset((mesh.service_accounts | named_accounts(mesh)) - gateways)


def assumed_labels(mesh: MeshView, namespace: str, name: str) -> dict[str, str]:
    """Labels of pods that no object shows: `app`, as nearly everybody has it, and each label that some selector of the
    namespace compares with this name."""
    compared = mesh.once(COMPARED, lambda: labels_compared(mesh))
    return {"app": name, **dict.fromkeys(compared.get((namespace, name), ()), name)}


COMPARED = "compared labels"
"""Under which a mesh keeps them."""


def labels_compared(mesh: MeshView) -> dict[tuple[str, str], list[str]]:
    """The labels that selectors of a namespace compare with a value, by both."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for namespace, selector in compared_selectors(mesh):
        for label, value in selector.items():
            found[namespace, value].append(label)
    return found


def compared_selectors(mesh: MeshView) -> Iterator[tuple[str, dict[str, str]]]:
    """(namespace, labels) of every selector of Istio's objects."""

    def labels(obj: Manifest) -> dict[str, str]:
        block = mapping(obj.spec, "workloadSelector")
        return string_map(block, "labels") or string_map(block, "matchLabels")

    for kind in ("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "Telemetry", "WasmPlugin"):
        for obj in mesh.istio(kind):
            yield obj.namespace, string_map(obj.spec, "selector", "matchLabels")
    for kind in ("Sidecar", "EnvoyFilter"):
        for obj in mesh.istio(kind):
            yield obj.namespace, labels(obj)


def labels_of(mesh: MeshView, namespace: str, account: str) -> list[dict[str, str]]:
    """The label sets of the pods that run as a service account."""
    shown = [
        workload.labels
        for workload in mesh.workloads_by_namespace.get(namespace, ())
        if workload.service_account == account
    ]
    return shown or [assumed_labels(mesh, namespace, account)]


def described(account: Account) -> str:
    """NAMESPACE/SERVICEACCOUNT, as requests name their caller."""
    return "/".join(account)


def pattern_of(principal: str) -> str:
    """A caller that a pattern of principals takes, as requests name it; empty for one that takes no account."""
    parts = principal.split("/")
    if len(parts) == 5:
        namespace, account = parts[2], parts[4]
    elif principal.endswith("*") and len(parts) > 2 and parts[1] == "ns":
        namespace, account = parts[2], parts[4] if len(parts) > 4 else "*"
    else:
        return ""
    return f"{namespace.replace('*', 'stranger') or 'stranger'}/{account.replace('*', 'stranger') or 'stranger'}"
