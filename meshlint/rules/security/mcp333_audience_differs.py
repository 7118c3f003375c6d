"""A route and a RequestAuthentication that expect different audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping, strings
from meshlint.view.token_claims import binds_token, values_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP333",
    ERROR,
    "A route and a RequestAuthentication that expect different audiences",
    symptoms=(
        "every request is challenged although the token is valid",
        "a token made for another service is accepted",
    ),
    why="""
The token has to pass both: `audiences` of the RequestAuthentication, and the exact match on
`@request.auth.claims.aud` of the route. If they differ, nothing passes. A route that compares some claims and not the
audience relies on Envoy's loose comparison alone.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: staff, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{headers: {"@request.auth.claims.aud": {exact: "https://shop.example.com"}}}]
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: staff, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{headers: {"@request.auth.claims.aud": {exact: "https://shop.example.com/"}}}]
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/tasks/security/authentication/jwt-route/",),
)
def check(mesh: MeshView) -> Hits:
    rules = [jwt for found in mesh.request_authentications for jwt in found.rules]
    accepted = {audience for jwt in rules for audience in strings(jwt.raw, "audiences")}
    open_ended = any(not strings(jwt.raw, "audiences") for jwt in rules)
    for route in mesh.http_routes:
        for position, match in enumerate(route.matches):
            headers = mapping(match, "headers")
            claims = {name.replace("[", ".").rstrip("]") for name in headers if name.startswith("@request.auth.claims")}
            path = (*route.path, "match", position, "headers")
            for name in headers:
                if name not in AUDIENCE:
                    continue
                expected = values_of(headers, name)
                if not expected:
                    yield Hit(
                        route.obj, (*path, name), "does not compare the audience exactly", "write exact: RESOURCE"
                    )
                elif rules and not open_ended and accepted.isdisjoint(expected):
                    problem = f"is {' or '.join(expected)}, while audiences are {', '.join(sorted(accepted))}"
                    yield Hit(route.obj, (*path, name), problem, "write the same in both")
            serves = route.on_gateway and route.destinations and mesh.mcp_path_of(route)
            bound = "@request.auth.claims.aud" in claims or binds_token(match)
            if serves and "@request.auth.claims.sub" in claims and not bound:
                problem = "compare the subject and not the audience"
                yield Hit(route.obj, path, problem, 'add "@request.auth.claims.aud": {exact: RESOURCE}', WARNING)
            if serves and bound and "@request.auth.claims.sub" not in claims:
                problem = "compare the audience and take a token without a subject"
                yield Hit(route.obj, path, problem, 'add "@request.auth.claims.sub": {regex: ".+"}', INFO)
            subject = next(
                (name for name in headers if name.replace("[", ".").rstrip("]") == "@request.auth.claims.sub"), ""
            )
            if subject and not mapping(headers, subject):
                yield Hit(route.obj, (*path, subject), "says nothing about the subject", 'write regex: ".+"', WARNING)


AUDIENCE = ("@request.auth.claims.aud", "@request.auth.claims[aud]")
