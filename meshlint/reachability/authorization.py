"""What a proxy's own policies say of a request: RequestAuthentication, PeerAuthentication and AuthorizationPolicy.

Sources: istio.io/latest/docs/reference/config/security (authorization-policy, request_authentication,
peer_authentication); the comparison of audiences is Envoy's jwt_authn filter's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from meshlint.reachability.request import Answer, Outcome, Request, Token
from meshlint.view.claim_headers import claims_by_header
from meshlint.view.fields import elements, strings, text
from meshlint.view.gateway_api.references import Reference
from meshlint.view.gateway_api.targets import is_attached
from meshlint.view.security import path_matches
from meshlint.view.strings import any_authz_matches
from meshlint.view.ztunnel import at_ztunnel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshlint.view.gateway_api.listeners import ApiGateway
    from meshlint.view.kubernetes import Service
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import (
        AuthorizationPolicy,
        Condition,
        JwtRule,
        PeerAuthentication,
        PolicyRule,
        Source,
    )


NO_POLICY = "no AuthorizationPolicy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """The pods that a request arrives at: a gateway's, or an app's."""

    namespace: str
    labels: dict[str, str]
    port: int
    """Port of the pod, as policies mean it."""
    waypoint_of: tuple[Reference, ...] = ()
    """The Services whose requests the pods take as their waypoint; empty: they are none."""
    by_ztunnel: bool = False
    """Whether a ztunnel decides, which reads no requests, and no sidecar."""


def pods(mesh: MeshView, namespace: str, labels: dict[str, str], port: int) -> Proxy:
    """Who decides about what arrives at some pods: their sidecar, or in ambient mode the ztunnel."""
    return Proxy(namespace, labels, port, by_ztunnel=mesh.is_ambient(namespace, labels))


def at_waypoint(waypoint: ApiGateway, service: Service, port: int = 0) -> Proxy:
    """The pods of a waypoint, as requests for one Service meet them."""
    reference = Reference("", "Service", service.obj.namespace, service.obj.name)
    return Proxy(waypoint.obj.namespace, waypoint.labels, port, (reference,))


@dataclass(frozen=True)
class Guards:
    """The policies on some pods."""

    policies: list[AuthorizationPolicy]
    jwt_rules: list[JwtRule]
    """Those that read the Authorization header."""
    peers: list[PeerAuthentication]

    @cached_property
    def claims_by_header(self) -> dict[str, str]:
        return claims_by_header(self.jwt_rules)


def guards(mesh: MeshView, proxy: Proxy) -> Guards:
    """What selects the pods of a proxy, read once for all its requests."""
    key = ("guards", proxy.namespace, proxy.waypoint_of, proxy.by_ztunnel, *proxy.labels.items())
    return mesh.once(key, lambda: _guards(mesh, proxy))


def _guards(mesh: MeshView, proxy: Proxy) -> Guards:
    served = (service.namespace for service in proxy.waypoint_of)
    homes = dict.fromkeys((mesh.root_namespace, proxy.namespace, *served))

    def holds(obj: Manifest, selector: dict[str, str]) -> bool:
        return obj.namespace in homes and is_attached(
            obj, selector, namespace=proxy.namespace, labels=proxy.labels, root=mesh.root_namespace,
            waypoint_of=proxy.waypoint_of,
        )  # fmt: skip

    policies = [
        policy
        for namespace in homes
        for policy in mesh.policies_near(namespace, proxy.labels)
        if holds(policy.obj, policy.selector)
    ]
    if proxy.by_ztunnel:
        policies = [at_ztunnel(policy) for policy in policies if policy.action in ("ALLOW", "DENY")]
    return Guards(
        policies,
        [
            rule
            for namespace in sorted(homes)
            for authentication in mesh.authentications_near(namespace, proxy.labels)
            if not proxy.by_ztunnel and holds(authentication.obj, authentication.selector)
            for rule in authentication.rules
            if _reads_authorization_header(rule)
        ],
        [peer for namespace in sorted(homes) for peer in mesh.peers_near(namespace, proxy.labels)],
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as a proxy sees it: with the identity that mTLS proves, and the claims that it has verified."""

    request: Request
    principal: str
    """TRUSTDOMAIN/ns/NAMESPACE/sa/ACCOUNT; empty without mTLS."""
    verified: Token | None = None

    @property
    def namespace(self) -> str:
        return self.principal.split("/")[2] if self.principal else ""

    @property
    def account(self) -> str:
        return self.principal.split("/")[4] if self.principal else ""


def authenticate(mesh: MeshView, proxy: Proxy, request: Request) -> tuple[Request, Token | None, Answer | None]:
    """The request as it goes on, the token if the proxy verifies it, and the refusal if it is no good.

    A missing token is no reason to refuse. A verified one goes no further unless its rule forwards it: policies, routes
    and the app then see no Authorization header.
    https://istio.io/latest/docs/reference/config/security/jwt/#JWTRule-forward_original_token
    """
    found = guards(mesh, proxy)
    taking, written = found.jwt_rules, found.claims_by_header
    # Istio has Envoy let preflights by, whatever token they carry: browsers send none with them.
    if not taking or is_preflight(request):
        return request, None, None
    if not written.keys().isdisjoint(request.headers):
        headers = {name: value for name, value in request.headers.items() if name not in written}
        request = replace(request, headers=headers)
    token = request.token
    if token is None:
        return request, None, None
    by = taking[0].obj.key
    ours = [rule for rule in taking if text(rule.raw, "issuer") == token.issuer]
    if not ours:
        return request, None, Answer(Outcome.CHALLENGED, 401, by, "no jwtRule is for the token's issuer")
    if not token.genuine:
        why = "the token's signature or dates are not good"
        return request, None, Answer(Outcome.CHALLENGED, 401, ours[0].obj.key, why)
    for rule in ours:
        wanted = strings(rule.raw, "audiences")
        if not wanted or {_loose(name) for name in wanted} & {_loose(name) for name in token.audiences}:
            said = ((header, token.in_header(claim)) for header, claim in claims_by_header([rule]).items())
            headers = {**request.headers, **{header: value for header, value in said if value is not None}}
            onward = token if rule.raw.get("forwardOriginalToken") is True else None
            return replace(request, headers=headers, token=onward), _as_read(rule, token), None
    return request, None, Answer(Outcome.DENIED, 403, ours[0].obj.key, "the token is for another audience")


def _as_read(rule: JwtRule, token: Token) -> Token:
    """The token as policies and routes see it: OAuth writes scopes as one text, and Istio has such claims split."""
    split = {"scope", "permission", *strings(rule.raw, "spaceDelimitedClaims")}
    claims = {
        name: value.split() if name in split and isinstance(value, str) else value
        for name, value in token.claims.items()
    }
    return replace(token, claims=claims)


def _reads_authorization_header(rule: JwtRule) -> bool:
    headers = elements(rule.raw, "fromHeaders")
    elsewhere = any(rule.raw.get(name) for name in ("fromParams", "fromCookies"))
    if not headers:
        return not elsewhere
    return any(text(header, "name").lower() == "authorization" for header in headers)


def _loose(audience: str) -> str:
    """Envoy takes audiences as equal that differ by scheme or by one slash at the end."""
    for scheme in ("https://", "http://"):
        audience = audience.removeprefix(scheme)
    return audience.removesuffix("/")


def mtls_mode(mesh: MeshView, proxy: Proxy) -> tuple[str, str]:
    """STRICT, PERMISSIVE or DISABLE at a pod's port, and the object that says so."""
    found: list[tuple[int, str, str, str]] = []
    for peer in guards(mesh, proxy).peers:
        rank = 2 if peer.selector else 1 if peer.obj.namespace != mesh.root_namespace else 0
        if peer.selector and peer.ports.get(proxy.port, "UNSET") != "UNSET":
            found.append((3, peer.obj.created, peer.ports[proxy.port], peer.obj.key))
        if peer.mode != "UNSET":
            found.append((rank, peer.obj.created, peer.mode, peer.obj.key))
    if not found:
        return "PERMISSIVE", "Istio's default"
    narrowest = max(entry[0] for entry in found)
    _, _, mode, by = min(entry for entry in found if entry[0] == narrowest)
    return mode, by


def authorize(mesh: MeshView, proxy: Proxy, arrival: Arrival, destination: str = "") -> Answer:
    """What the AuthorizationPolicies of a destination's, or a gateway's, proxy say: DENY rules, then whether some ALLOW
    rule takes the request.

    What an authorizer says is not known here. It opens nothing, so the answer is what happens if it agrees.
    """
    policies = guards(mesh, proxy).policies
    asked: list[str] = []
    for policy in policies:
        if policy.action == "CUSTOM" and any(_takes(rule, policy, proxy, arrival) for rule in policy.rules):
            provider = text(policy.obj.spec, "provider", "name")
            if mesh.mesh_configs and provider not in _authorizers(mesh):
                why = (
                    f"{provider or 'its provider'} is no authorizer of extensionProviders, so proxies refuse all of it"
                )
                return Answer(Outcome.DENIED, 403, policy.obj.key, why, destination)
            asked.append(provider)
    verdict = _by_rules(policies, proxy, arrival, destination)
    if asked and verdict.outcome is Outcome.ALLOWED:
        return replace(verdict, why=f"{verdict.why}, if {' and '.join(asked)} lets it pass")
    return verdict


def _authorizers(mesh: MeshView) -> set[str]:
    return {
        text(provider, "name")
        for config in mesh.mesh_configs
        for provider in elements(config.values, "extensionProviders")
        if "envoyExtAuthzHttp" in provider or "envoyExtAuthzGrpc" in provider
    }


def _by_rules(policies: Sequence[AuthorizationPolicy], proxy: Proxy, arrival: Arrival, destination: str) -> Answer:
    for policy in policies:
        if policy.action == "DENY":
            for rule in policy.rules:
                if _takes(rule, policy, proxy, arrival):
                    return Answer(
                        Outcome.DENIED, 403, policy.obj.key, f"its rule {rule.path[-1]} takes the request", destination
                    )
    allowing = [policy for policy in policies if policy.action == "ALLOW"]
    if not allowing:
        return Answer(
            Outcome.ALLOWED, 200, NO_POLICY, "no ALLOW policy selects the pods, so everything passes", destination
        )
    for policy in allowing:
        for rule in policy.rules:
            if _takes(rule, policy, proxy, arrival):
                return Answer(
                    Outcome.ALLOWED, 200, policy.obj.key, f"its rule {rule.path[-1]} takes the request", destination
                )
    return Answer(Outcome.DENIED, 403, _names(allowing), "no ALLOW rule takes the request", destination)


def _names(policies: Sequence[AuthorizationPolicy]) -> str:
    named = ", ".join(policy.obj.key for policy in policies[:2])
    return named if len(policies) < 3 else f"{named} and {len(policies) - 2} more"


def _takes(rule: PolicyRule, policy: AuthorizationPolicy, proxy: Proxy, arrival: Arrival) -> bool:
    return (
        (not rule.sources or any(_from(source, policy, arrival) for source in rule.sources))
        and (not rule.operations or any(_to(operation.raw, proxy, arrival.request) for operation in rule.operations))
        and all(_when(condition, proxy, arrival) for condition in rule.conditions)
    )


def _field(raw: dict[str, object], name: str, value: str, *, ignore_case: bool = False) -> bool:
    """Whether a value passes a field and its `not` twin. A value that is not there is taken by no pattern."""
    twin = _TWINS[name]
    if name not in raw and twin not in raw:
        return True
    wanted, unwanted = strings(raw, name), strings(raw, twin)
    if ignore_case:
        value, wanted, unwanted = value.lower(), [w.lower() for w in wanted], [u.lower() for u in unwanted]
    return (not wanted or any_authz_matches(wanted, value)) and not (unwanted and any_authz_matches(unwanted, value))


_TWINS = {
    name: f"not{name[0].upper()}{name[1:]}"
    for name in ("principals", "namespaces", "requestPrincipals", "trustDomains", "hosts", "ports", "methods")
}


def _from(source: Source, policy: AuthorizationPolicy, arrival: Arrival) -> bool:
    raw = source.raw
    if not raw:
        return True
    token = arrival.verified
    request_principal = f"{token.issuer}/{token.subject}" if token else ""
    trust_domain = arrival.principal.split("/")[0]
    accounts = [_account(name, policy.obj.namespace) for name in strings(raw, "serviceAccounts")]
    not_accounts = [_account(name, policy.obj.namespace) for name in strings(raw, "notServiceAccounts")]
    own = f"{arrival.namespace}/{arrival.account}" if arrival.principal else ""
    if strings(raw, "ipBlocks") or strings(raw, "remoteIpBlocks"):
        # Addresses are no part of the question; a rule that asks for one is taken by none.
        return False
    return (
        _field(raw, "principals", arrival.principal)
        and _field(raw, "namespaces", arrival.namespace)
        and _field(raw, "requestPrincipals", request_principal)
        and _field(raw, "trustDomains", trust_domain)
        and (not accounts or own in accounts)
        and not (not_accounts and own in not_accounts)
    )


def _account(name: str, namespace: str) -> str:
    return name if "/" in name else f"{namespace}/{name}"


def _to(raw: dict[str, object], proxy: Proxy, request: Request) -> bool:
    paths, not_paths = strings(raw, "paths"), strings(raw, "notPaths")
    path = request.path.partition("?")[0]
    return (
        _field(raw, "hosts", request.host, ignore_case=True)
        and _field(raw, "ports", str(proxy.port))
        and _field(raw, "methods", request.method)
        and (not paths or any(path_matches(pattern, path) for pattern in paths))
        and not any(path_matches(pattern, path) for pattern in not_paths)
    )


def _when(condition: Condition, proxy: Proxy, arrival: Arrival) -> bool:
    values = _values(condition, proxy, arrival)
    taken = not condition.values or any(any_authz_matches(condition.values, value) for value in values)
    return taken and not (
        condition.not_values and any(any_authz_matches(condition.not_values, value) for value in values)
    )


def _values(condition: Condition, proxy: Proxy, arrival: Arrival) -> tuple[str, ...]:
    """What the request has under a condition's key; empty where it has nothing, or nothing that is known here."""
    key, token = condition.key, arrival.verified
    if condition.header:
        found = header(arrival.request, condition.header)
        return () if found is None else (found,)
    if key.startswith("request.auth.claims["):
        name = key[len("request.auth.claims[") :].rstrip("]")
        return () if token is None else claim_values(token, name)
    match key:
        case "source.principal":
            return (arrival.principal,) if arrival.principal else ()
        case "source.namespace":
            return (arrival.namespace,) if arrival.principal else ()
        case "request.auth.principal":
            return () if token is None else (f"{token.issuer}/{token.subject}",)
        case "request.auth.audiences":
            return () if token is None else token.audiences
        case "destination.port":
            return (str(proxy.port),)
        case "connection.sni":
            return (arrival.request.host,)
        case _:
            return ()


def header(request: Request, name: str) -> str | None:
    """A header's value; None where the request does not have it."""
    match name:
        case ":authority" | "host":
            return request.host
        case ":method":
            return request.method
        case ":path":
            return request.path
        case "authorization" if request.token is not None:
            return "Bearer token"
        case _:
            return request.headers.get(name)


def is_preflight(request: Request) -> bool:
    """Whether a request is a browser's question before the one that it wants to send (CORS)."""
    asks = bool(header(request, "origin")) and bool(header(request, "access-control-request-method"))
    return request.method == "OPTIONS" and asks


def claim_values(token: Token, name: str) -> tuple[str, ...]:
    """The values of a claim of a token that `authenticate` has taken."""
    found: Any = token.claims
    for part in name.split("]["):
        found = cast("dict[str, Any]", found).get(part) if isinstance(found, dict) else None
    if isinstance(found, str):
        return (found,)
    if isinstance(found, list | tuple):
        return tuple(str(item) for item in cast("Sequence[Any]", found))
    return () if found is None else (str(found),)
