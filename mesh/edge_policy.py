"""What a gateway refuses before it routes: tokens that do not verify, denied subjects, foreign origins, ambiguous
headers.

A gateway has no ALLOW policy: it would answer a missing token with a bare 403, before the route that answers 401 is
looked at. So these are DENY rules, and the routes let through only what was declared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    ClaimToHeader,
    Condition,
    JWTHeader,
    JWTRule,
    Operation,
    RequestAuthentication,
    Rule,
    Rule_From,
    Rule_To,
    Source,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh import challenge, envoy_patches
from chatgpt_mesh.mesh.graph import host_headers
from chatgpt_mesh.mesh.owned import Owned
from chatgpt_mesh.mesh.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.app import AppSpec
    from chatgpt_mesh.mesh.auth import AuthSpec, IssuerSpec
    from chatgpt_mesh.mesh.gateways import GatewaySpec
    from chatgpt_mesh.mesh.graph import Graph, Parts


def problems(parts: Parts) -> Iterator[Problem]:
    """A gateway verifies the tokens of all its apps with one set of issuers, so they must not contradict each other."""
    first: dict[tuple[str, str], tuple[str, IssuerSpec]] = {}
    for name, app in parts.apps.items():
        for index, issuer in enumerate(app.auth.issuers if app.auth else ()):
            path = f"apps.{name}.auth.issuers.{index}"
            for gateway in sorted({exposure.gateway for exposure in app.exposures}):
                other_path, other = first.setdefault((gateway, issuer.issuer), (path, issuer))
                for field in ("jwks", "jwks_uri", "forward_token"):
                    if getattr(issuer, field) != getattr(other, field):
                        yield Problem(
                            f"{path}.{field}",
                            f"differs from {other_path}, and gateway {gateway} verifies this issuer for "
                            "both; make them the same",
                            issuer.issuer,
                        )


def gateway_objects(graph: Graph) -> Iterator[Owned]:
    """Per gateway: whose tokens it verifies, and how it reads and answers HTTP."""
    for name, gateway in graph.gateways.items():
        if gateway.kind == "egress" or not gateway.listeners:
            continue
        guarded = [
            (app_name, app, app.auth, exposure.host)
            for app_name, app in graph.apps.items()
            if app.auth is not None
            for exposure in app.exposures
            if exposure.gateway == name
        ]
        owner = f"gateways.{name}"
        if guarded:
            yield Owned(_request_authentication(name, gateway, [(app, auth) for _, app, auth, _ in guarded]), owner)
        fields: dict[str, Any] = {}
        if gateway.reject_header_underscores:
            fields["common_http_protocol_options"] = {"headers_with_underscores_action": "REJECT_REQUEST"}
        mappers = [mapper for _, app, auth, host in guarded for mapper in _challenge_mappers(app, auth, host)]
        if mappers:
            fields["local_reply_config"] = {"mappers": mappers}
        if fields:
            patch = envoy_patches.envoy_filter([envoy_patches.connection_manager(fields)], gateway.pod_labels)
            yield Owned(Resource(metadata=ObjectMeta(name=f"{name}-http", namespace=gateway.home), spec=patch), owner)


def _request_authentication(name: str, gateway: GatewaySpec, guarded: list[tuple[AppSpec, AuthSpec]]) -> Resource:
    """Verify, and refuse what does not verify; a missing token passes here and meets the challenge route.

    No audiences: Envoy compares them loosely and answers 403. The routes compare them exactly and answer 401.
    """
    issuers: dict[str, IssuerSpec] = {}
    headers: dict[str, set[str]] = {}
    for _, auth in guarded:
        for issuer in auth.issuers:
            issuers.setdefault(issuer.issuer, issuer)
            headers.setdefault(issuer.issuer, set()).add(auth.subject_header)
    rules = [
        JWTRule(
            issuer=issuer.issuer,
            jwks=issuer.jwks,
            jwks_uri=issuer.jwks_uri,
            # Only the header: Envoy's default also takes `?access_token=`, which MCP forbids. The scheme has no case.
            from_headers=[JWTHeader(name="Authorization", prefix=prefix) for prefix in ("Bearer ", "bearer ")],
            forward_original_token=issuer.forward_token,
            output_claim_to_headers=[
                ClaimToHeader(header=header, claim="sub") for header in sorted(headers[issuer.issuer])
            ],
        )
        for issuer in sorted(issuers.values(), key=lambda spec: spec.issuer)
    ]
    spec = RequestAuthentication(selector=WorkloadSelector(match_labels=gateway.pod_labels), jwt_rules=rules)
    return Resource(metadata=ObjectMeta(name=f"{name}-tokens", namespace=gateway.home), spec=spec)


def _challenge_mappers(app: AppSpec, auth: AuthSpec, host: str) -> Iterator[dict[str, Any]]:
    """Give the proxy's own 401, for a token that does not verify, the challenge that names the resource metadata.

    Envoy writes `Bearer realm=...`, which tells an MCP client nothing. Istio has no field for it (istio/api#3597).
    """
    wanted = {"www-authenticate": challenge.challenge(app, auth, host, error="invalid_token")}
    conditions: list[dict[str, Any]] = [
        {
            "status_code_filter": {
                "comparison": {"op": "EQ", "value": {"default_value": 401, "runtime_key": "local_reply.unauthorized"}}
            }
        },
        _header_filter(":authority", {"safe_regex": {"regex": rf"(?i){re.escape(host)}(:[0-9]+)?"}}),
        # Without a token there is no error to report (RFC 6750, section 3.1); the route has said all.
        {"header_filter": {"header": {"name": "authorization", "present_match": True}}},
    ]
    browsers = challenge.readable_by_browsers(app)
    if browsers:
        with_origin = [*conditions, {"header_filter": {"header": {"name": "origin", "present_match": True}}}]
        yield _mapper(with_origin, {**wanted, **browsers})
    yield _mapper(conditions, wanted)


def _header_filter(name: str, match: dict[str, Any]) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}


def _mapper(conditions: list[dict[str, Any]], headers: dict[str, str]) -> dict[str, Any]:
    return {
        "filter": {"and_filter": {"filters": conditions}},
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ],
    }


def objects(graph: Graph, name: str, app: AppSpec) -> Iterator[Owned]:
    """Per app and gateway: one DENY policy."""
    by_gateway: dict[str, list[str]] = {}
    for exposure in app.exposures:
        by_gateway.setdefault(exposure.gateway, []).append(exposure.host)
    for gateway_name, hosts in by_gateway.items():
        gateway = graph.gateways[gateway_name]
        policy = AuthorizationPolicy(
            selector=WorkloadSelector(match_labels=gateway.pod_labels),
            action=AuthorizationPolicy_Action.DENY,
            rules=list(_deny_rules(app, hosts, [str(port) for port in gateway.http_ports])),
        )
        metadata = ObjectMeta(name=f"{name}-edge", namespace=gateway.home)
        yield Owned(Resource(metadata=metadata, spec=policy), f"apps.{name}")


def _deny_rules(app: AppSpec, hosts: list[str], ports: list[str]) -> Iterator[Rule]:
    # Ports, because a DENY by HTTP attributes alone would deny every TCP listener of the gateway as well.
    to = [Rule_To(operation=Operation(hosts=[form for host in hosts for form in host_headers(host)], ports=ports))]
    # MCP: a server must refuse an Origin that it does not know (DNS rebinding). CORS only tells browsers.
    yield Rule(to=to, when=[Condition(key="request.headers[origin]", values=["*"], not_values=app.cors.origins)])
    auth = app.auth
    if auth is None:
        return
    if auth.deny_subjects:
        yield Rule(to=to, when=[Condition(key="request.auth.claims[sub]", values=auth.deny_subjects)])
    if app.rollout is not None and app.rollout.managed_by == "flagger":
        # Flagger writes the routes, so nothing there can ask for claims; a bare 403 is what is left.
        yield Rule(to=to, from_=[Rule_From(source=Source(not_request_principals=["*"]))])
        for host in hosts:
            audiences = [
                audience
                for issuer in auth.issuers
                for audience in issuer.audiences or (challenge.resource_uri(app, host),)
            ]
            here = [Rule_To(operation=Operation(hosts=host_headers(host), ports=ports))]
            yield Rule(to=here, when=[Condition(key="request.auth.claims[aud]", not_values=audiences)])
        yield Rule(to=to, when=[Condition(key="request.auth.claims[iss]", not_values=[i.issuer for i in auth.issuers])])
        for claim, values in auth.claims.items():
            yield Rule(to=to, when=[Condition(key=f"request.auth.claims[{claim}]", not_values=values)])
        for scope in auth.scopes:
            yield Rule(to=to, when=[Condition(key="request.auth.claims[scope]", not_values=[scope])])
