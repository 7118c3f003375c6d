"""CORS, preflight match and Origin policy that disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, mapping, strings, text
from meshlint.view.patterns import PatternIndex
from meshlint.view.routing import match_takes_path
from meshlint.view.strings import any_authz_matches, methods_of

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute
    from meshlint.view.security import Condition, PolicyRule


@rule(
    "MCP137",
    ERROR,
    "CORS, preflight match and Origin policy that disagree",
    symptoms=("CORS preflight fails", "ChatGPT says 403"),
    why="""
An origin has to be allowed in three places that know nothing of each other: the route's `corsPolicy`, the match that
lets a preflight reach that route, and the DENY policy for foreign origins. An origin that one of them lacks fails in
the browser.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - corsPolicy: {allowOrigins: [{exact: "https://app.example.com"}]}
    route: [{destination: {host: web}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: [shop.example.com, "shop.example.com:*"], ports: ["8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://shop.example.com"]}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - corsPolicy: {allowOrigins: [{exact: "https://app.example.com"}]}
    route: [{destination: {host: web}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: [shop.example.com, "shop.example.com:*"], ports: ["8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://app.example.com"]}]
""",
    sources=("https://fetch.spec.whatwg.org/#http-cors-protocol",),
)
def check(mesh: MeshView) -> Hits:
    denials = [
        (rule_, condition)
        for policy in mesh.authorization_policies
        if policy.action == "DENY"
        for rule_ in policy.rules
        for condition in rule_.conditions
        if condition.header == "origin"
    ]
    for rule_, condition in denials:
        if condition.not_values and not condition.values:
            policy = next(found for found in mesh.authorization_policies if rule_ in found.rules)
            problem = "has notValues alone, which also denies every request without an Origin"
            yield Hit(policy.obj, condition.path, problem, 'add values: ["*"]')
        elif condition.values and "*" not in condition.values:
            policy = next(found for found in mesh.authorization_policies if rule_ in found.rules)
            problem = f"looks at origins {', '.join(condition.values)} only"
            yield Hit(policy.obj, (*condition.path, "values"), problem, 'write values: ["*"]')
    by_host = PatternIndex((_hosts(rule_), condition) for rule_, condition in denials)
    for route in mesh.http_routes:
        if "corsPolicy" in route.raw and route.destinations:
            yield from _route(route, by_host)


def _route(route: HttpRoute, denials: PatternIndex[Condition]) -> Hits:
    policy = mapping(route.raw, "corsPolicy")
    where: Path = (*route.path, "corsPolicy", "allowOrigins")
    origins = [text(origin, "exact") for origin in elements(policy, "allowOrigins") if text(origin, "exact")]
    if not any(mapping(origin) for origin in elements(policy, "allowOrigins")) and "allowOrigin" not in policy:
        yield Hit(route.obj, where, "is empty, so no origin is allowed", "list the origins as exact values")
    for condition in denials.of(*route.owner.fqdns):
        for origin in origins:
            if condition.not_values and not any_authz_matches(condition.not_values, origin) and origin != "*":
                shown = ", ".join(condition.not_values)
                problem = f"allows {origin}, which a DENY policy refuses (it spares {shown})"
                yield Hit(route.obj, where, problem, "name the same origins in both")
    if not route.matches:
        return
    preflights = [match for match in route.matches if "OPTIONS" in methods_of(match)]
    if not preflights and not _preflight_elsewhere(route):
        yield Hit(
            route.obj,
            (*route.path, "match"),
            "takes no OPTIONS, so no preflight gets its CORS answer",
            "match OPTIONS too",
        )
    for match in preflights:
        named = text(match, "headers", "origin", "exact")
        if named and origins and named not in origins:
            position = route.matches.index(match)
            path = (*route.path, "match", position, "headers", "origin")
            yield Hit(
                route.obj, path, f"takes preflights of {named}, which allowOrigins lacks", "name the same origins"
            )
    forwarded = [text(match, "uri", "exact") for match in route.matches if methods_of(match) - {"OPTIONS"}]
    for match in preflights:
        path_ = text(match, "uri", "exact")
        if path_ and forwarded and "" not in forwarded and path_ not in forwarded:
            problem = f"takes preflights of {path_}, and requests of {', '.join(forwarded)}"
            yield Hit(route.obj, (*route.path, "match"), problem, "match the same path in both")


def _preflight_elsewhere(route: HttpRoute) -> bool:
    """Whether another route of the host answers preflights for the same paths."""
    paths = [text(match, "uri", kind) for match in route.matches for kind in ("exact", "prefix")]
    others = [other for other in route.owner.http if other is not route and _answers_preflights(other)]
    return all(any(_takes_options(other, path) for other in others) for path in paths if path)


def _answers_preflights(route: HttpRoute) -> bool:
    if "corsPolicy" in route.raw and route.destinations:
        return True
    headers = mapping(route.raw, "headers", "response", "set")
    return "directResponse" in route.raw and any(name.lower() == "access-control-allow-origin" for name in headers)


def _takes_options(route: HttpRoute, path: str) -> bool:
    return any(match_takes_path(match, path) and "OPTIONS" in methods_of(match) for match in route.matches or [{}])


def _hosts(rule_: PolicyRule) -> list[str]:
    """The hosts that it is for; none stand for all."""
    return [name for operation in rule_.operations for name in strings(operation.raw, "hosts")]
