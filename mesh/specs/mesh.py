"""The declaration of a mesh as a whole, and the mistakes that are between its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs import (
    app,
    authorizers,
    certificate_issuers,
    cluster_failover,
    egress,
    existing_gateway,
    gateways,
    granted_by,
    grants,
    joins,
    rate_limit,
    raw_objects,
    rollout,
    scope,
    security,
    telemetry,
    well_known,
)
from chatgpt_mesh.mesh.specs.app import AppSpec
from chatgpt_mesh.mesh.specs.authorizers import AuthorizerSpec
from chatgpt_mesh.mesh.specs.certificate_issuers import CertificateIssuerSpec
from chatgpt_mesh.mesh.specs.declared import ByName, Declared
from chatgpt_mesh.mesh.specs.egress import EgressSpec
from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
from chatgpt_mesh.mesh.specs.granted_by import GrantedBySpec
from chatgpt_mesh.mesh.specs.grants import GrantSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.rate_limit import RateLimitServiceSpec
from chatgpt_mesh.mesh.specs.raw_objects import RawObjectSpec
from chatgpt_mesh.mesh.specs.security import SecuritySpec
from chatgpt_mesh.mesh.specs.spec import Many, Spec, TrustDomain
from chatgpt_mesh.mesh.specs.telemetry import TelemetrySpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from chatgpt_mesh.mesh.specs.rate_limit_deployment import MemorystoreSpec


class MeshSpec(Spec):
    """The declaration of a mesh: the part of a stack file that becomes Istio objects."""

    gateways: ByName[GatewaySpec] = {}
    """Gateways by name."""
    apps: ByName[AppSpec] = {}
    """Apps by name."""
    authorizers: ByName[AuthorizerSpec] = {}
    """Services that decide on requests of apps, by name."""
    certificate_issuers: ByName[CertificateIssuerSpec] = {}
    """Who signs the certificates that cert-manager requests for listeners, by name."""
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
    grants: ByName[GrantSpec] = {}
    """What stacks of teams may declare on this mesh, by team."""
    granted_by: GrantedBySpec | None = None
    """This is a team's stack: it declares apps within what a platform's stack grants."""
    trust_domain: TrustDomain = "cluster.local"
    """Trust domain of the identities: https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/"""

    @property
    def memorystore(self) -> MemorystoreSpec | None:
        """The Redis that is made for the rate limit service."""
        service = self.rate_limit_service
        return None if service is None or service.deployment is None else service.deployment.memorystore


def problems(spec: MeshSpec, today: date, unread: Collection[str] = ()) -> Iterator[Problem]:
    """Mistakes that types cannot see: owners, callers, gateways, dates.

    `unread` are the paths of parts that did not parse (`apps.chatgpt-api`, `egress`). They are absent from `spec`,
    which has the defaults in their place, and no reference to them counts as a dangling one.
    """
    known_apps = Declared("apps", spec.apps, unread)
    known_gateways = Declared("gateways", spec.gateways, unread)
    yield from gateways.problems(known_gateways, app.services(known_apps) if known_apps.complete else {})
    yield from certificate_issuers.problems(
        Declared("certificate_issuers", spec.certificate_issuers, unread), known_gateways
    )
    yield from grants.problems(Declared("grants", spec.grants, unread), known_gateways, known_apps)
    yield from granted_by.problems(spec.granted_by, known_apps, spec.egress)
    yield from _existing_gateways(known_gateways, known_apps)
    yield from _client_addresses(known_gateways, known_apps)
    yield from security.problems(spec.security, known_apps, today)
    yield from app.problems(
        known_apps,
        known_gateways,
        faults_allowed=spec.faults_allowed,
        rate_limit_service=spec.rate_limit_service is not None or "rate_limit_service" in unread,
    )
    yield from joins.problems(known_apps)
    yield from cluster_failover.problems(known_apps, known_gateways, team=spec.granted_by is not None)
    yield from rate_limit.service_problems(spec.rate_limit_service)
    known_authorizers = Declared("authorizers", spec.authorizers, unread)
    yield from authorizers.problems(known_authorizers, known_apps, spec.telemetry.providers)
    for one in known_apps.values():
        if one.rollout is not None:
            yield from rollout.dated_problems(one.declared_at, one.rollout, one.versions, today)
        yield from well_known.problems(
            f"{one.declared_at}.well_known",
            one.well_known,
            one.routes,
            mcp_path=None if one.mcp is None else one.mcp.path,
            exposed=bool(one.exposures),
            authenticated=one.auth is not None,
            flagger=one.rollout is not None and one.rollout.managed_by == "flagger",
            today=today,
        )
    yield from egress.problems(spec.egress, known_apps, known_gateways)
    yield from security.visibility_problems(spec.security, known_apps)
    yield from telemetry.problems(spec.telemetry, known_apps)
    yield from raw_objects.problems(spec.objects, known_apps, known_gateways, spec.egress, known_authorizers)
    yield from scope.problems(
        spec.security, known_apps, known_gateways, spec.egress, spec.objects, spec.rate_limit_service
    )


def _existing_gateways(gateways: Declared[GatewaySpec], apps: Declared[AppSpec]) -> Iterator[Problem]:
    for gateway in gateways.values():
        if gateway.existing is not None:
            said = {field for field in gateway.model_fields_set if getattr(gateway, field) is not None}
            counted_by = (app.declared_at for app in apps.values() if _counts_for(gateway, app))
            yield from existing_gateway.problems(
                gateway.declared_at, gateway.existing, said=said, counted_by=next(counted_by, None)
            )


def _client_addresses(gateways: Declared[GatewaySpec], apps: Declared[AppSpec]) -> Iterator[Problem]:
    """Limits by an address that the gateway does not see."""
    for one in apps.values():
        for _, path, limit in one.limits:
            if limit.per != "address":
                continue
            for name in dict.fromkeys(exposure.gateway for exposure in one.served):
                gateway = gateways.get(name)
                if gateway is not None and gateway.workload.service.external_traffic_policy == "Cluster":
                    yield Problem(
                        f"{path}.per",
                        f"counts by the client's address, and {gateway.declared_at} sees nodes in place of clients; "
                        "set its workload.service.external_traffic_policy to Local",
                        "address",
                    )


def _counts_for(gateway: GatewaySpec, app: AppSpec) -> bool:
    counted = any(limit.counted == "gateway" for _, _, limit in app.limits)
    return counted and any(exposure.gateway == gateway.name for exposure in app.served)


def warnings(spec: MeshSpec, today: date) -> list[Problem]:
    """What is right today and will not be soon, and what a declaration gives up."""
    found = list(security.warnings(spec.security, today))
    for one in spec.apps.values():
        found += rollout.warnings(
            f"{one.declared_at}.rollout",
            one.rollout,
            one.versions,
            today,
            labels=one.pod_labels,
            declared=one.model_fields_set,
            authenticated=one.auth is not None,
            sessions=one.mcp is not None and one.mcp.keeps_sessions,
        )
        found += well_known.warnings(f"{one.declared_at}.well_known", one.well_known, today)
    return found
