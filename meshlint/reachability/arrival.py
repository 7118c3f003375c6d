"""What the pods say at which a request arrives: of a Service that is shown, or that only its name lets expect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshlint.reachability import paths
from meshlint.reachability.authorization import Arrival, authenticate, authorize, mtls_mode, pods
from meshlint.reachability.identities import assumed_labels
from meshlint.reachability.request import Answer, Outcome

if TYPE_CHECKING:
    from meshlint.reachability.authorization import Proxy
    from meshlint.reachability.request import Request
    from meshlint.view.kubernetes import Service
    from meshlint.view.mesh import MeshView

ASSUMED = " (the objects show no such Service; pods labelled app are assumed)"
"""What an answer says where pods follow from selectors alone."""


def assumed_pods(mesh: MeshView, host: str, port: int) -> Proxy | None:
    """The pods behind a Service that the objects do not show."""
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    if domain != "svc.cluster.local":
        return None
    return pods(mesh, namespace, mesh.once(("labels", host), lambda: assumed_labels(mesh, namespace, name)), port)


def pods_behind(mesh: MeshView, service: Service, port: int) -> list[tuple[dict[str, str], int]]:
    """The label sets of the pods behind a Service, and their port; the Service's selector where none is shown."""
    declared = next((candidate for candidate in service.ports if candidate.number == port), None)
    target = declared.target if declared is not None and isinstance(declared.target, int) else port
    distinct = {tuple(sorted(workload.labels.items())) for workload in mesh.backends(service)}
    return [(dict(labels), target) for labels in sorted(distinct)] or [(service.selector, target)]


def at_pods(mesh: MeshView, request: Request, host: str, proxy: Proxy, principal: str) -> Answer:
    """Their mTLS mode, their paths, their tokens and their policies, in this order."""
    mode, by = mtls_mode(mesh, proxy)
    if mode == "STRICT" and not principal:
        return Answer(Outcome.DENIED, 0, by, "STRICT mTLS: a connection without a certificate is reset", host)
    if proxy.by_ztunnel:
        verdict = authorize(mesh, proxy, Arrival(request, principal), host)
        return verdict if verdict.outcome is Outcome.ALLOWED else replace(verdict, status=0)
    proven = "" if mode == "DISABLE" else principal
    read = paths.read(mesh, request)
    if read is None:
        return replace(paths.bad("its proxy"), destination=host)
    request = read
    unread = paths.refused(mesh, proxy, request)
    if unread is not None:
        return replace(unread, destination=host)
    request, verified, refusal = authenticate(mesh, proxy, request)
    if refusal is not None:
        return replace(refusal, destination=host)
    return authorize(mesh, proxy, Arrival(request, proven, verified), host)
