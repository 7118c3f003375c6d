"""Which namespaces are the stack's own, and what cannot be said where nothing outside of them may be touched.

`security.scope: namespaces` is for a cluster that other teams use: no object of this stack stands in a namespace that
it does not declare, and none reaches a workload there. What it becomes: `mesh.graph.Graph.defaults_in`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST, failing_over
from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.egress import EgressSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitServiceSpec
    from chatgpt_mesh.mesh.specs.raw_objects import RawObjectSpec
    from chatgpt_mesh.mesh.specs.security import SecuritySpec


def own_namespaces(
    apps: Mapping[str, AppSpec], gateways: Mapping[str, GatewaySpec], service: RateLimitServiceSpec | None
) -> tuple[str, ...]:
    """Namespaces that the stack makes: of apps, of gateways that it runs, of the rate limit service, of the gateway
    between clusters."""
    names = {app.namespace for app in apps.values()} | {gateway.home for gateway in gateways.values()}
    if service is not None:
        names.add(service.namespace)
    if failing_over(apps):
        names.add(EAST_WEST.home)
    return tuple(sorted(names - _of_others(gateways)))


def _of_others(gateways: Mapping[str, GatewaySpec]) -> set[str]:
    return {gateway.home for gateway in gateways.values() if gateway.existing is not None}


def problems(
    security: SecuritySpec,
    apps: Declared[AppSpec],
    gateways: Declared[GatewaySpec],
    egress: EgressSpec,
    objects: Sequence[RawObjectSpec],
    service: RateLimitServiceSpec | None,
) -> Iterator[Problem]:
    """What would reach beyond the namespaces of this stack, with scope `namespaces`."""
    if security.scope == "mesh":
        return
    for gateway in gateways.values():
        if gateway.release is None and gateway.existing is None:
            yield Problem(
                f"{gateway.declared_at}.release",
                f"must be said with security.scope namespaces: Gateway objects select pods of all namespaces, and by "
                f"default these have the label istio: {gateway.pod_labels['istio']}, which other teams' gateways carry "
                "too; choose a name that only this stack has",
            )
    if not (apps.complete and gateways.complete):
        return
    own = own_namespaces(apps, gateways, service)
    for index, exception in enumerate(security.exceptions):
        if exception.namespace not in own:
            yield Problem(
                f"security.exceptions.{index}.namespace",
                f"is not of this stack, and with security.scope namespaces nothing is written elsewhere; its "
                f"namespaces: {listed(own)}",
                exception.namespace,
            )
    for index, destination in enumerate(egress.allow):
        for place, caller in enumerate(destination.from_):
            if not isinstance(caller, str) and caller.namespace not in own:
                yield Problem(
                    f"egress.allow.{index}.from.{place}.namespace",
                    "is not of this stack, and the way of the host would change for every workload there; with "
                    f"security.scope namespaces callers run in: {listed(own)}",
                    caller.namespace,
                )
    for index, spec in enumerate(objects):
        yield from _raw_object(f"objects.{index}", spec, own, sorted(_of_others(gateways)))


_HOLDS_FOR_ALL = {
    "PeerAuthentication": "security.mtls",
    "Sidecar": "security and egress",
    "Telemetry": "telemetry",
}
"""Kinds of which a namespace takes one without selector, and what declares that one."""

_SEEN_EVERYWHERE = frozenset({"DestinationRule", "ServiceEntry", "VirtualService"})
"""Kinds that every namespace sees where `exportTo` says nothing."""


def _raw_object(path: str, spec: RawObjectSpec, own: Sequence[str], lent: Sequence[str]) -> Iterator[Problem]:
    namespace = str(spec.metadata.get("namespace", ""))
    if namespace not in {*own, *lent}:
        yield Problem(
            f"{path}.metadata.namespace",
            "is not of this stack, and with security.scope namespaces nothing is written elsewhere; its namespaces: "
            f"{listed((*own, *lent))}",
            namespace or None,
        )
        return
    selects = any(spec.spec.get(key) for key in ("selector", "workloadSelector", "targetRefs"))
    if spec.kind in _HOLDS_FOR_ALL and not selects and namespace in own:
        yield Problem(
            path,
            f"Istio takes one {spec.kind} without selector in a namespace, and that of {namespace} follows from "
            f"{_HOLDS_FOR_ALL[spec.kind]}; remove it, or give it a selector",
        )
    elif namespace in lent and not selects and spec.kind not in {"Gateway", *_SEEN_EVERYWHERE}:
        yield Problem(
            f"{path}.spec",
            f"has no selector, so it would hold for everything in {namespace}, which is not of this stack; select the "
            "gateway's pods",
        )
    if spec.kind in _SEEN_EVERYWHERE and not _only_at_gateways(spec.spec):
        seen_by = spec.spec.get("exportTo") or ["*"]
        beyond = [name for name in seen_by if name != "." and name not in own]
        if beyond:
            yield Problem(
                f"{path}.spec.exportTo",
                "lets workloads of other teams see it; with security.scope namespaces list '.' or namespaces of this "
                f"stack: {listed(own)}",
                beyond[0],
            )


def _only_at_gateways(spec: Mapping[str, Any]) -> bool:
    gateways = spec.get("gateways") or ["mesh"]
    return "gateways" in spec and "mesh" not in gateways
