"""A match whose requests another route takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.finding import dotted
from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.fields import Json
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP907",
    WARNING,
    "A match whose requests another route takes",
    symptoms=("a path answers from the wrong service", "a rule of a route is never used"),
    why="""
Of all matches for a host the exact path wins, then the longest prefix, then a regular expression, whatever the order
in the file; then the one with a method, with more headers, with more query parameters; of two that are the same the
older route's. So a regular expression beside a prefix that takes the same paths is never asked, and of two same
matches one is dead.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: files, namespace: shop}
spec: {selector: {app: files}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {type: RegularExpression, value: "/files/[0-9]+"}}]
    backendRefs: [{name: files, port: 80}]
  - matches: [{path: {value: /}}]
    backendRefs: [{name: web, port: 80}]
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: files, namespace: shop}
spec: {selector: {app: files}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {value: /files}}]
    backendRefs: [{name: files, port: 80}]
  - matches: [{path: {value: /}}]
    backendRefs: [{name: web, port: 80}]
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule",),
)
def check(mesh: MeshView) -> Hits:
    told: set[tuple[int, Path]] = set()
    for service in mesh.programmed_services:
        if not service.from_gateway_api or len(service.http) < 2:
            continue
        for position, route in enumerate(service.http):
            winner = next((one for one in service.http[:position] if _takes_all_of(one, route)), None)
            key = (id(route.obj), (*route.path, _shown(route)))
            if winner is None or key in told:
                continue
            told.add(key)
            where = f"{winner.obj.key} {dotted(winner.path)}"
            problem = f"matches {_shown(route)} of {service.hosts[0]}, which {where} ({_shown(winner)}) takes first"
            yield Hit(route.obj, route.path, problem, "remove it, or make its match more specific")


def _match(route: HttpRoute) -> Json:
    return route.matches[0] if route.matches else {}


def _shown(route: HttpRoute) -> str:
    uri = mapping(_match(route), "uri")
    return " ".join(map(str, (*uri.keys(), *uri.values()))) or "everything"


def _takes_all_of(wide: HttpRoute, narrow: HttpRoute) -> bool:
    """Whether the first asks for nothing that the second does not ask for as well."""
    one, other = _match(wide), _match(narrow)
    for name in ("method", "port"):
        if name in one and one[name] != other.get(name):
            return False
    for block in ("headers", "queryParams"):
        asked = mapping(other, block)
        if any(asked.get(name) != wanted for name, wanted in mapping(one, block).items()):
            return False
    return _covers(mapping(one, "uri"), mapping(other, "uri"))


def _covers(wide: Json, narrow: Json) -> bool:
    if not wide or wide == narrow:
        return True
    prefix = text(wide, "pathPrefix") or text(wide, "prefix")
    if not prefix or not narrow:
        return False
    if prefix == "/":
        return True
    # Of a regular expression only what is written before its first special character is certain.
    literal = re.split(r"[\\^$.|?*+(){}\[]", text(narrow, "regex"), maxsplit=1)[0]
    return literal.startswith(f"{prefix}/")
