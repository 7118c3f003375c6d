"""A match whose requests another route takes."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.finding import dotted
from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        above: dict[tuple[str, str], list[HttpRoute]] = defaultdict(list)
        for route in service.http:
            kind, value = _uri(route)
            near = (one for covering in _covering(kind, value) for one in above.get(covering, ()))
            winner = next((one for one in near if _asks_no_more(_match(one), _match(route))), None)
            above[kind, value].append(route)
            key = (id(route.obj), (*route.path, kind, value))
            if winner is None or key in told:
                continue
            told.add(key)
            where = f"{winner.obj.key} {dotted(winner.path)}"
            problem = f"matches {_shown(route)} of {service.hosts[0]}, which {where} ({_shown(winner)}) takes first"
            yield Hit(route.obj, route.path, problem, "remove it, or make its match more specific")


_ANYTHING: Json = {}


def _match(route: HttpRoute) -> Json:
    return route.matches[0] if route.matches else _ANYTHING


def _uri(route: HttpRoute) -> tuple[str, str]:
    """How a route compares paths, and with what; both empty where it takes every path."""
    return next(iter(mapping(_match(route), "uri").items()), ("", ""))


def _shown(route: HttpRoute) -> str:
    return " ".join(_uri(route)).strip() or "everything"


def _covering(kind: str, value: str) -> Iterator[tuple[str, str]]:
    """What takes all paths that this takes and can stand above it: the same, every path, and for a regular expression
    the prefixes of what it begins with. A longer prefix or an exact path stands above those that cover it."""
    yield kind, value
    if kind:
        yield "", ""
    if kind != "regex":
        return
    yield "pathPrefix", "/"
    literal = _beginning(value)
    for end, character in enumerate(literal):
        if character == "/":
            yield "pathPrefix", literal[:end]
            yield "prefix", literal[: end + 1]


def _beginning(pattern: str) -> str:
    """The text that everything begins with which a regular expression takes."""
    if "|" in pattern:
        return ""
    special = re.search(r"[\\^$.?*+(){}\[]", pattern)
    if special is None:
        return pattern
    # What may be left out, or repeated, is not certain.
    return pattern[: special.start() - (special[0] in "?*{")]


def _asks_no_more(wide: Json, narrow: Json) -> bool:
    """Whether the first has no condition beside its path that the second does not have, too."""
    for name in ("method", "port"):
        if name in wide and wide[name] != narrow.get(name):
            return False
    for block in ("headers", "queryParams"):
        asked = mapping(narrow, block)
        if any(asked.get(name) != wanted for name, wanted in mapping(wide, block).items()):
            return False
    return True
