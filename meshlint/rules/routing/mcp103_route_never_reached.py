"""A route that no request can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.finding import dotted
from meshlint.rule import ERROR, WARNING, Hit, Unseen, rule
from meshlint.view.fields import Json, mapping, text, whole
from meshlint.view.routing import MESH_GATEWAY
from meshlint.view.strings import methods_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute, VirtualService


@rule(
    "MCP103",
    WARNING,
    "A route that no request can reach",
    symptoms=("canary gets no traffic", "a setting has no effect", "a path answers from the wrong service"),
    why="""
Routes are tried from top to bottom and the first match takes the request. A route below one that takes everything it
could take is dead. A route that answers 503 with `retry-after` for every path is no mistake: it closes the host
for a while, and what is below it is kept for afterwards.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: web}}]
  - match: [{uri: {prefix: /admin}}]
    route: [{destination: {host: admin}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /admin}}]
    route: [{destination: {host: admin}}]
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0130/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for service in mesh.virtual_services:
        earlier: list[HttpRoute] = []
        for route in service.http[:MAX_ROUTES]:
            above = next((other for other in earlier if _covers(other, route)), None)
            if above is not None and above.name and not _narrowing_in_sight(mesh, service):
                yield Unseen(route.obj, "EnvoyFilter that may narrow a route by its name")
            elif above is not None:
                problem = f"is never reached: {dotted(above.path)} above it takes the same requests"
                yield Hit(route.obj, route.path, problem, "move it up, or remove it")
            if not _closes_the_host(route) and route.name not in mesh.narrowed_routes:
                earlier.append(route)


MAX_ROUTES = 200
"""Routes of one VirtualService that are compared with each other: the work grows with their square."""


def _narrowing_in_sight(mesh: MeshView, service: VirtualService) -> bool:
    """Whether an EnvoyFilter that narrows a route of these would be among the objects: it stands with the gateway."""
    homes = {key.partition("/")[0] for key in service.gateways if key != MESH_GATEWAY}
    return all(mesh.shows_namespace(home, but=("VirtualService",)) for home in homes)


def _closes_the_host(route: HttpRoute) -> bool:
    """Whether it is the sign on the door of a host under maintenance."""
    said = {name.lower() for name in mapping(route.raw, "headers", "response", "set")}
    for_any_path = not any(match.keys() & {"uri", "authority"} for match in route.matches)
    return for_any_path and whole(route.raw, "directResponse", "status") == 503 and "retry-after" in said


def _covers(earlier: HttpRoute, later: HttpRoute) -> bool:
    if not earlier.matches:
        return True
    if not later.matches:
        return any(_unconditional(match) for match in earlier.matches)
    return all(any(_match_covers(wide, narrow) for wide in earlier.matches) for narrow in later.matches)


def _unconditional(match: Json) -> bool:
    conditions = set(match) - {"name", "statPrefix"}
    return not conditions or (conditions == {"uri"} and text(match, "uri", "prefix") == "/")


def _match_covers(wide: Json, narrow: Json) -> bool:
    """Whether every request that `narrow` takes is taken by `wide`. Says no where it cannot tell."""
    for condition, wanted in wide.items():
        if condition in ("name", "statPrefix"):
            continue
        if condition == "uri":
            if not _uri_covers(mapping(wide, "uri"), mapping(narrow, "uri"), narrow.get("ignoreUriCase") is True):
                return False
        elif condition in ("headers", "queryParams", "withoutHeaders", "sourceLabels"):
            theirs = mapping(narrow, condition)
            if not all(theirs.get(name) == inner for name, inner in mapping(wide, condition).items()):
                return False
        elif condition == "method":
            if not methods_of(narrow) <= methods_of(wide):
                return False
        elif narrow.get(condition) != wanted:
            return False
    return True


def _uri_covers(wide: Json, narrow: Json, ignores_case: bool) -> bool:
    prefix = text(wide, "prefix")
    if prefix == "/" or (wide == narrow and not ignores_case):
        return True
    if not prefix or ignores_case:
        return False
    return any(text(narrow, kind).startswith(prefix) for kind in ("exact", "prefix"))
