"""From a declaration to the objects of the cluster; the only module that knows all concerns.

A concern is a spec with its mistakes in `mesh.specs` and pure functions from the graph to objects in `mesh.objects`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.message import InvalidMessage
from chatgpt_mesh.mesh.graph import Graph
from chatgpt_mesh.mesh.objects import (
    callers,
    certificate_issuers,
    destination_rules,
    east_west,
    edge_http,
    egress,
    external_authorization,
    gateways,
    grants,
    order,
    path_rules,
    rate_limit,
    raw_objects,
    scoping,
    security,
    sessions,
    team,
    telemetry,
    virtual_services,
)
from chatgpt_mesh.mesh.objects.auth import calls, denials, verification
from chatgpt_mesh.mesh.objects.namespaces import NamespaceDeclaration, namespaces_of
from chatgpt_mesh.mesh.objects.parts import too_large
from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems, warnings
from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem, refused_by_istio

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.objects.owned import Owned
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def _parts(graph: Graph) -> Iterator[tuple[str, Iterator[Owned]]]:
    """Objects below the path of the declaration that makes them, in the order in which they are listed: certificate
    issuers, gateways, security, apps, egress, scoping, telemetry, objects by hand."""
    if graph.is_of_a_team:
        for app in graph.apps.values():
            yield app.declared_at, team.held(graph, _of_teams_app(graph, app))
        yield "egress", team.held(graph, egress.objects(graph))
        return
    yield "certificate_issuers", certificate_issuers.objects(graph)
    yield "gateways", gateways.objects(graph)
    yield "istio.multi_cluster.gateway", east_west.objects(graph)
    yield "security", security.objects(graph)
    for gateway in graph.gateways.values():
        if gateway.kind != "egress" and gateway.listeners:
            yield gateway.declared_at, verification.objects(graph, gateway)
            yield gateway.declared_at, edge_http.objects(graph, gateway)
            yield gateway.declared_at, calls.at_gateway(graph, gateway)
            yield gateway.declared_at, sessions.at_gateway(graph, gateway)
    yield "rate_limit_service", rate_limit.gateway_objects(graph)
    for app in graph.apps.values():
        yield app.declared_at, _of_app(graph, app)
    yield "grants", grants.objects(graph)
    yield "egress", egress.objects(graph)
    yield "security", scoping.objects(graph)
    yield "telemetry", telemetry.objects(graph)
    yield "objects", raw_objects.objects(graph)


def _built(graph: Graph) -> tuple[Owned, ...]:
    """Raises InvalidConfig with everything that Istio's types refuse."""
    built: list[Owned] = []
    refused: list[Problem] = []
    for path, objects in _parts(graph):
        try:
            built += objects
        except InvalidMessage as error:
            refused += refused_by_istio(path, error)
    if refused:
        raise InvalidConfig(refused)
    return tuple(built)


def _of_app(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    yield from destination_rules.objects(app)
    yield from callers.objects(graph, app)
    yield from external_authorization.objects(app)
    yield from path_rules.objects(graph, app)
    yield from denials.objects(graph, app)
    yield from virtual_services.objects(graph, app)
    yield from sessions.at_caller(graph, app)


def _of_teams_app(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    """What stands in its own namespace; `granted_by.problems` has refused what would need more."""
    yield from destination_rules.objects(app)
    yield from callers.objects(graph, app)
    yield from virtual_services.objects(graph, app)


class Mesh:
    """Everything that a declaration stands for. Raises InvalidConfig where it contradicts itself."""

    def __init__(self, spec: MeshSpec, today: date) -> None:
        self.spec = spec
        self._today = today
        found = list(problems(spec, today))
        if found:
            raise InvalidConfig(found)
        self.graph = Graph(spec)
        with _without_collector():
            self.objects: tuple[Owned, ...] = _built(self.graph)
        refused = [*_doubled(self.objects), *too_large(self.objects)]
        if refused:
            raise InvalidConfig(refused)

    @cached_property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(warnings(self.spec, self._today))

    @cached_property
    def routes_need(self) -> Mapping[str, tuple[str, ...]]:
        """For each VirtualService the objects that are there before it, and go after it."""
        with _without_collector():
            return order.routes_need(self.graph, self.objects)

    @cached_property
    def namespaces(self) -> tuple[NamespaceDeclaration, ...]:
        return namespaces_of(self.graph)

    @property
    def gateways(self) -> Mapping[str, GatewaySpec]:
        return self.spec.gateways

    @cached_property
    def drain_duration(self) -> timedelta:
        """For `meshConfig.defaultConfig.drainDuration`: the longest call of all apps. Istio has no such field per
        app."""
        return _longest(self.spec.apps.values())

    @property
    def east_west_drain_duration(self) -> timedelta:
        """For the pods of the gateway between clusters: the longest call of the apps that fail over."""
        return _longest(self.graph.failing_over)

    def gateway_drain_duration(self, gateway: str) -> timedelta:
        """For the gateway's pods: the longest call of the apps it serves."""
        return _longest(a for a in self.spec.apps.values() if any(e.gateway == gateway for e in a.exposures))


@contextmanager
def _without_collector() -> Generator[None]:
    """Nothing that is built becomes garbage before all is built; the collector would walk it again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


DRAIN_FLOOR = timedelta(seconds=45)
"""Istio's default, kept where no app needs more."""


def _longest(apps: Iterable[AppSpec]) -> timedelta:
    return max((spec.longest_call for spec in apps), default=DRAIN_FLOOR)


def _doubled(objects: Iterable[Owned]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for owned in objects:
        key = owned.resource.key
        if key in owners:
            yield Problem(owned.owner, f"makes {key}, and {owners[key]} makes it too; rename one of them")
        owners[key] = owned.owner
