"""Whose tokens a gateway verifies, and what it answers to one that does not verify."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import ClaimToHeader, JWTHeader, JWTRule, RequestAuthentication
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects import envoy_patches, grants
from chatgpt_mesh.mesh.objects.auth import challenge
from chatgpt_mesh.mesh.objects.auth.claims import split_at_blanks
from chatgpt_mesh.mesh.objects.auth.protected_resource import METADATA_PATH
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.response_headers import added
from chatgpt_mesh.mesh.specs.auth import EXPIRY_HEADER, SUBJECT_HEADER
from chatgpt_mesh.mesh.specs.grants import at_gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec, IssuerSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


# Without the `id: null` of the routes' own answers: the API server drops what is null.
SAID = {"jsonrpc": "2.0", "error": {"code": challenge.REFUSED, "message": "%LOCAL_REPLY_BODY%"}}
"""What the proxy says about a token, in the form in which the routes refuse: clients show it."""


class Guarded(NamedTuple):
    """A host of an app that asks for tokens."""

    app: AppSpec
    auth: AuthSpec
    host: str


def guarded(graph: Graph, gateway: GatewaySpec) -> tuple[Guarded, ...]:
    """What asks for tokens at a gateway."""
    return tuple(
        Guarded(app, app.auth, exposure.host)
        for app in graph.apps.values()
        if app.auth is not None
        for exposure in app.served
        if exposure.gateway == gateway.name
    )


def objects(graph: Graph, gateway: GatewaySpec) -> Iterator[Owned]:
    """Per gateway: the issuers of all its apps, and of the teams that have hosts there."""
    found, granted = guarded(graph, gateway), grants.issuers(graph, gateway)
    if found or granted:
        yield Owned(_request_authentication(gateway, found, granted), gateway.declared_at)


def _request_authentication(
    gateway: GatewaySpec, guarded: Iterable[Guarded], granted: Iterable[IssuerSpec]
) -> Resource:
    """Verify, and refuse what does not verify; a missing token passes here and meets the challenge route.

    No audiences: Envoy compares them loosely and answers 403. The routes compare them exactly and answer 401.
    """
    issuers: dict[str, IssuerSpec] = {}
    headers: dict[str, set[str]] = {}
    split: dict[str, set[str]] = {}
    for entry in guarded:
        for issuer in entry.auth.issuers:
            issuers.setdefault(issuer.issuer, issuer)
            headers.setdefault(issuer.issuer, set()).add(entry.auth.subject_header)
            split.setdefault(issuer.issuer, set()).update(split_at_blanks(entry.app, entry.auth.rule(issuer)))
    for issuer in granted:
        # What an app of another stack asks for is not known here, so its routes can ask for the usual.
        issuers.setdefault(issuer.issuer, issuer)
        headers.setdefault(issuer.issuer, set()).add(SUBJECT_HEADER)
        split.setdefault(issuer.issuer, set()).add("scp")
    rules = [
        JWTRule(
            issuer=issuer.issuer,
            jwks=issuer.jwks,
            jwks_uri=issuer.jwks_uri,
            # Only the header: Envoy's default also takes `?access_token=`, which MCP forbids. The scheme has no case.
            from_headers=[JWTHeader(name="Authorization", prefix=prefix) for prefix in ("Bearer ", "bearer ")],
            forward_original_token=issuer.forward_token,
            output_claim_to_headers=[
                *(ClaimToHeader(header=header, claim="sub") for header in sorted(headers[issuer.issuer])),
                ClaimToHeader(header=EXPIRY_HEADER, claim="exp"),
            ],
            space_delimited_claims=sorted(split[issuer.issuer]),
        )
        for issuer in sorted(issuers.values(), key=lambda spec: spec.issuer)
    ]
    spec = RequestAuthentication(selector=WorkloadSelector(match_labels=gateway.pod_labels), jwt_rules=rules)
    return Resource(metadata=ObjectMeta(name=f"{gateway.name}-tokens", namespace=gateway.home), spec=spec)


def unverified_answers(app: AppSpec, auth: AuthSpec, host: str) -> Iterator[dict[str, Any]]:
    """Give the proxy's own 401, for a token that does not verify, the challenge that names the resource metadata.

    Envoy writes `Bearer realm=...`, which tells an MCP client nothing. Istio has no field for it (istio/api#3597).
    """
    wanted = {"www-authenticate": challenge.challenge(app, auth, host, error="invalid_token")}
    host_in_any_spelling = rf"(?i){re.escape(host)}(:[0-9]+)?"
    # Without a token there is no error to report (RFC 6750, section 3.1); the route has said all.
    browsers = challenge.readable_by_browsers(app)
    if browsers:
        both = {**wanted, **browsers}
        yield _mapper(app, host_in_any_spelling, both, "authorization", "origin")
    yield _mapper(app, host_in_any_spelling, wanted, "authorization")


def granted_answers(graph: Graph, gateway: GatewaySpec) -> Iterator[dict[str, Any]]:
    """The same for the hosts of teams, whose apps are declared in other stacks.

    Every app that asks for tokens serves its metadata at the short path too. The host is the request's, and fits the
    pattern of the grant.
    """
    metadata = f"https://%REQ(:AUTHORITY)%{METADATA_PATH}"
    wanted = {"www-authenticate": f'Bearer error="invalid_token", resource_metadata="{metadata}"'}
    for grant in at_gateway(graph.grants, gateway):
        if grant.hosts and grant.issuers:
            yield envoy_patches.local_reply(401, grants.host_pattern(grant.hosts), wanted, "authorization", body=SAID)


def _mapper(app: AppSpec, host: str, headers: dict[str, str], *present: str) -> dict[str, Any]:
    """The first mapper that takes an answer is the only one, so the headers of every answer are here as well."""
    further = added(app.response_headers)
    return envoy_patches.local_reply(401, host, headers, *present, further=further, body=SAID)
