"""What a gateway refuses before it routes: denied subjects and foreign origins.

A gateway has no ALLOW policy: it would answer a missing token with a bare 403, before the route that answers 401 is
looked at. So these are DENY rules, and the routes let through only what was declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRoute
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    Condition,
    Operation,
    Rule,
    Rule_From,
    Rule_To,
    Source,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.graph import Graph, host_headers
from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.auth import challenge
from chatgpt_mesh.mesh.objects.auth.claims import claim
from chatgpt_mesh.mesh.objects.auth.protected_resource import resource_uri
from chatgpt_mesh.mesh.objects.matches import PRESENT, one_of
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec


def objects(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    """Per app and gateway: one DENY policy."""
    by_gateway: dict[str, list[str]] = {}
    for exposure in app.exposures:
        by_gateway.setdefault(exposure.gateway, []).append(exposure.host)
    homes: set[str] = set()
    for gateway_name, hosts in by_gateway.items():
        gateway = graph.gateways[gateway_name]
        # Two gateways may share a namespace, and each has a policy of its own there.
        name = f"{app.name}-edge" if gateway.home not in homes else f"{app.name}-edge-{gateway_name}"
        homes.add(gateway.home)
        policy = AuthorizationPolicy(
            selector=WorkloadSelector(match_labels=gateway.pod_labels),
            action=AuthorizationPolicy_Action.DENY,
            rules=list(_deny_rules(app, hosts, [str(port) for port in gateway.http_ports])),
        )
        metadata = ObjectMeta(name=name, namespace=gateway.home)
        yield Owned(Resource(metadata=metadata, spec=policy), app.declared_at)


def routes(app: AppSpec) -> Iterator[HTTPRoute]:
    """The same as routes, for an app of a team's stack, which writes no policy at the gateway."""
    known = {"origin": one_of(app.cors.origins)} if app.cors.origins else {}
    foreign = HTTPMatchRequest(headers={"origin": PRESENT}, without_headers=known)
    yield answer(f"{app.name}.foreign-origin", [foreign], 403, {})
    if app.auth is not None and app.auth.deny_subjects:
        denied = HTTPMatchRequest(headers={claim("sub"): one_of(app.auth.deny_subjects)})
        yield answer(f"{app.name}.denied-subject", [denied], 403, challenge.JSON, challenge.refusal("refused"))


def _deny_rules(app: AppSpec, hosts: list[str], ports: list[str]) -> Iterator[Rule]:
    # Ports, because a DENY by HTTP attributes alone would deny every TCP listener of the gateway as well.
    to = [Rule_To(operation=Operation(hosts=[form for host in hosts for form in host_headers(host)], ports=ports))]
    # MCP: a server must refuse an Origin that it does not know (DNS rebinding). CORS only tells browsers.
    yield Rule(to=to, when=[Condition(key="request.headers[origin]", values=["*"], not_values=app.cors.origins)])
    if app.auth is None:
        return
    if app.auth.deny_subjects:
        yield Rule(to=to, when=[Condition(key="request.auth.claims[sub]", values=app.auth.deny_subjects)])
    if app.rollout is not None and app.rollout.managed_by == "flagger":
        serving = {exposure.host for exposure in app.served}
        yield from _without_routes(app, app.auth, [host for host in hosts if host in serving], ports)


def _without_routes(app: AppSpec, auth: AuthSpec, hosts: list[str], ports: list[str]) -> Iterator[Rule]:
    """Flagger writes the routes, so nothing there can ask for claims; a bare 403 is what is left."""
    if not hosts:
        return
    to = [Rule_To(operation=Operation(hosts=[form for host in hosts for form in host_headers(host)], ports=ports))]
    yield Rule(to=to, from_=[Rule_From(source=Source(not_request_principals=["*"]))])
    for host in hosts:
        here = [Rule_To(operation=Operation(hosts=host_headers(host), ports=ports))]
        for conditions in _of_another_audience(app, auth, host):
            yield Rule(to=here, when=conditions)
    yield Rule(to=to, when=[Condition(key="request.auth.claims[iss]", not_values=[i.issuer for i in auth.issuers])])
    for rule in auth.rules:
        names = [issuer.issuer for issuer in auth.issuers if auth.rule(issuer) == rule]
        theirs = [Condition(key="request.auth.claims[iss]", values=names)] if len(auth.rules) > 1 else []
        for name, values in rule.claims:
            yield Rule(to=to, when=[*theirs, Condition(key=f"request.auth.claims[{name}]", not_values=values)])
        for scope in rule.scopes:
            # Conditions of one rule are a conjunction: refused is what has the scope in none of the claims.
            lacking = [Condition(key=f"request.auth.claims[{name}]", not_values=[scope]) for name in rule.scope_claims]
            yield Rule(to=to, when=[*theirs, *lacking])


def _of_another_audience(app: AppSpec, auth: AuthSpec, host: str) -> Iterator[list[Condition]]:
    """What tokens have that are not for this host, by the claim that says so."""
    claims = dict.fromkeys(issuer.audience_claim for issuer in auth.issuers)
    for audience in claims:
        issuers = [issuer for issuer in auth.issuers if issuer.audience_claim == audience]
        names = [issuer.issuer for issuer in issuers]
        theirs = [Condition(key="request.auth.claims[iss]", values=names)] if len(claims) > 1 else []
        audiences = [name for issuer in issuers for name in issuer.audiences or (resource_uri(app, host),)]
        yield [*theirs, Condition(key=f"request.auth.claims[{audience}]", not_values=audiences)]
        if audience != "aud":
            yield [*theirs, Condition(key="request.auth.claims[aud]", values=["*"])]
