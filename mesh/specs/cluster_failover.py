"""Apps that may be answered by their pods in the other cluster, and the gateway by which their requests arrive.

Every other app stays in its cluster: a name that both clusters have does not make two apps one.
https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/failover/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
from chatgpt_mesh.mesh.specs.listeners import ListenerSpec
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.declared import Declared

PORT = 15443
"""Where istiod expects the gateway of a network: `DefaultNetworkGatewayPort` of its source."""


class EastWestGateway(GatewaySpec):
    """The way into a cluster for requests of the other one: mutual TLS between two sidecars passes it unopened."""

    @property
    def declared_at(self) -> str:
        """It is no entry of `gateways`: it is there because apps fail over."""
        return "istio.multi_cluster.gateway"


EAST_WEST = EastWestGateway(
    kind="internal",
    release="istio-eastwestgateway",
    namespace="istio-eastwest",
    redirect_http=False,
    listeners={"tls": ListenerSpec(port=PORT, protocol="TLS")},
).named("istio-eastwestgateway")


def failing_over(apps: Mapping[str, AppSpec]) -> tuple[AppSpec, ...]:
    """Apps with `cluster_failover`."""
    return tuple(app for app in apps.values() if app.cluster_failover)


def problems(apps: Declared[AppSpec], gateways: Declared[GatewaySpec], *, team: bool) -> Iterator[Problem]:
    """What cannot be answered elsewhere. `team`: the stack is a team's."""
    for app in failing_over(apps):
        path = f"{app.declared_at}.cluster_failover"
        if team:
            yield Problem(
                path,
                "takes a gateway between clusters and a word of istiod's configuration, which are the platform's; "
                "remove it, or let the platform's stack declare this app",
            )
        yield from _app_problems(path, app)
    if not failing_over(apps):
        return
    home = EAST_WEST.home
    taken = {f"{one.declared_at}.namespace": one.home for one in gateways.values()}
    taken |= {f"{one.declared_at}.namespace": one.namespace for one in apps.values()}
    for path, namespace in taken.items():
        if namespace == home:
            yield Problem(path, "is the namespace of the gateway between the clusters; choose another", home)


def _app_problems(path: str, app: AppSpec) -> Iterator[Problem]:
    if app.service is None:
        yield Problem(path, "needs the app's service; declare service with its port")
    if app.mcp is not None and app.mcp.keeps_sessions:
        yield Problem(
            path,
            "is for apps without sessions: one pod holds a session, and which pod of the other cluster a request "
            "arrives at is not chosen; write mcp.stateless: true if the server keeps nothing, or remove it",
        )
    if app.rollout is not None and app.rollout.managed_by == "flagger":
        yield Problem(path, "is written into the app's DestinationRule, and flagger makes it for this app; remove it")
    if app.resilience.outlier is None:
        yield Problem(
            path, "has no effect without resilience.outlier, by which callers see that pods are unhealthy; declare it"
        )
    places = {f"{app.declared_at}.load_balancing.locality": app.load_balancing}
    places |= {
        f"{app.declared_at}.versions.{name}.load_balancing.locality": version.load_balancing
        for name, version in app.versions.items()
        if version.load_balancing is not None
    }
    for place, balancing in places.items():
        if balancing.locality is not None:
            yield Problem(
                place,
                "says where requests go, and so does cluster_failover (this cluster, its region and zone first, then "
                "the other cluster); remove one of the two",
            )
