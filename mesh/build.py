"""From a declaration to the objects of the cluster.

Every concern is a module with a spec and up to three pure functions; this file is the only one that knows them all:

- `problems(parts) -> Iterator[Problem]`: mistakes that types cannot see, over whatever parsed.
- `warnings(parts) -> Iterator[Problem]`: what is still right but soon is not.
- `objects(graph) -> Iterator[Owned]`: the objects, over a declaration without mistakes.
"""

from __future__ import annotations

# ruff: noqa: TC001 - pydantic reads the annotations at run time
import gc
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh import app, egress, gateways, raw_objects, scoping, security, telemetry
from chatgpt_mesh.mesh.app import AppSpec
from chatgpt_mesh.mesh.egress import EgressSpec
from chatgpt_mesh.mesh.gateways import GatewaySpec
from chatgpt_mesh.mesh.graph import Graph, Parts
from chatgpt_mesh.mesh.namespaces import NamespaceDeclaration, namespaces_of
from chatgpt_mesh.mesh.problem import InvalidConfig, Problem
from chatgpt_mesh.mesh.rate_limit import RateLimitServiceSpec
from chatgpt_mesh.mesh.raw_objects import RawObjectSpec
from chatgpt_mesh.mesh.security import SecuritySpec
from chatgpt_mesh.mesh.spec import DnsLabel, Many, Spec
from chatgpt_mesh.mesh.telemetry import TelemetrySpec

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from datetime import date

    from chatgpt_mesh.mesh.owned import Owned

CONCERNS = (gateways, security, app, egress, scoping, telemetry, raw_objects)
"""In the order in which their objects are listed."""


class MeshSpec(Spec):
    """The declaration of a mesh: the part of a stack file that becomes Istio objects."""

    gateways: dict[DnsLabel, GatewaySpec] = {}
    """Gateways by name."""
    apps: dict[DnsLabel, AppSpec] = {}
    """Apps by name."""
    security: SecuritySpec = SecuritySpec()
    """Mutual TLS and its exceptions."""
    egress: EgressSpec = EgressSpec()
    """Hosts outside the mesh that apps may reach."""
    telemetry: TelemetrySpec = TelemetrySpec()
    """Traces, access logs and metrics."""
    objects: Many[RawObjectSpec] = ()
    """Istio objects written by hand, for what no declaration has a word for; checked like the rest."""
    rate_limit_service: RateLimitServiceSpec | None = None
    """The service behind global rate limits."""
    faults_allowed: bool = False
    """Whether apps of this stack may declare faults."""
    trust_domain: str = "cluster.local"
    """Trust domain of the identities: https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/"""
    istio_namespace: DnsLabel = "istio-system"
    """Root namespace of the mesh."""


def cross_check(parts: Parts) -> list[Problem]:
    """Mistakes between parts: owners, callers, gateways, dates. Works on those parts that parsed."""
    return [problem for concern in CONCERNS for problem in concern.problems(parts)]


def warnings(parts: Parts) -> list[Problem]:
    """What is right today and will not be soon."""
    return list(security.warnings(parts))


def parts_of(spec: MeshSpec, today: date) -> Parts:
    """The parts of a declaration that parsed as a whole."""
    return Parts(today=today, **{name: getattr(spec, name) for name in MeshSpec.model_fields})


class Mesh:
    """Everything that a declaration stands for. Raises InvalidConfig where it contradicts itself."""

    def __init__(self, spec: MeshSpec, today: date) -> None:
        self.spec = spec
        self._parts = parts_of(spec, today)
        problems = cross_check(self._parts)
        if problems:
            raise InvalidConfig(problems)
        self.graph = Graph(self._parts)
        with _without_collector():
            self.objects: tuple[Owned, ...] = tuple(
                owned for concern in CONCERNS for owned in concern.objects(self.graph)
            )
        doubled = list(_doubled(self.objects))
        if doubled:
            raise InvalidConfig(doubled)

    @cached_property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(warnings(self._parts))

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
