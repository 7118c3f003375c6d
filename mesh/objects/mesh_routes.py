"""Routes for callers in the mesh. Who they are and what they may ask for is checked at the app
(`mesh.objects.callers`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRetry, HTTPRoute, StringMatch
from chatgpt_mesh.mesh.objects import sessions
from chatgpt_mesh.mesh.objects.faults import fault_injection
from chatgpt_mesh.mesh.objects.matches import exact, methods_match
from chatgpt_mesh.mesh.objects.mcp_path import as_declared, endpoint_uri
from chatgpt_mesh.mesh.objects.resilience import retry
from chatgpt_mesh.mesh.objects.rollout import destinations, moved_division, pin_match, pins_of
from chatgpt_mesh.mesh.objects.routes import Forward, by_precedence, forward, forward_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.routes import RouteSpec


def routes(app: AppSpec, namespaces: Sequence[str] = ()) -> Iterator[HTTPRoute]:
    """In their order: faults, sessions, the pin, further paths, everything else. `namespaces`: those of callers whose
    sidecars keep sessions."""
    retries = retry(app.resilience.retries)
    division = moved_division(app, None)
    anything = Forward(timeout=None, retries=retries)
    stable = ((app.rollout.stable, 100),) if app.rollout else ()
    for index, fault in enumerate(app.faults):
        match = HTTPMatchRequest(headers={fault.header: exact(fault.value)})
        yield HTTPRoute(
            name=f"{app.name}.fault-{index}",
            match=(match,),
            fault=fault_injection(fault),
            route=destinations(app, stable),
            retries=HTTPRetry(attempts=0),
        )
    own = _own_routes(app)
    kept = bool(namespaces) and sessions.kept(app)
    # The MCP path first, where a rewrite makes a further path of the host the parent of it here.
    to_mcp = anything._replace(headers=sessions.noted(None)) if kept else anything
    mcp: tuple[StringMatch, ...] = ()
    if app.mcp is not None:
        to_mcp = to_mcp._replace(rewrite=as_declared(app.mcp))
        apart = kept or to_mcp.rewrite is not None or any(_takes_in(route, app.mcp.path) for route, _ in own)
        mcp = (endpoint_uri(app.mcp),) if apart else ()
    for uri in mcp if kept else ():
        yield from sessions.mesh_routes(f"{app.name}.mcp", [HTTPMatchRequest(uri=uri)], app, to_mcp, namespaces)
    for label, version, pin in pins_of(app):
        pinned, name, there = pin_match(pin), f"{app.name}.{label}", ((version, 100),)
        for uri in mcp:
            yield forward(name, [HTTPMatchRequest(uri=uri, headers=pinned)], app, to_mcp, there)
        for route, methods in own:
            # With its methods, or a mirror that is declared for GET would copy whatever else is pinned.
            match = HTTPMatchRequest(uri=_own_uri(route), method=methods_match(methods), headers=pinned)
            yield forward(name, [match], app, _own_forward(app, route), there)
        yield forward(name, [HTTPMatchRequest(headers=pinned)], app, anything, there)
    for uri in mcp:
        yield forward(f"{app.name}.mcp", [HTTPMatchRequest(uri=uri)], app, to_mcp, division)
    for route, methods in own:
        match = HTTPMatchRequest(uri=_own_uri(route), method=methods_match(methods))
        yield forward(f"{app.name}.{route.path}", [match], app, _own_forward(app, route), division)
    yield forward(app.name, [], app, anything, division)


def _own_routes(app: AppSpec) -> list[tuple[RouteSpec, tuple[str, ...]]]:
    """Its own paths as callers in the mesh ask for them, with the methods that none before takes there.

    Two paths of the host may become one by rewrites.
    """
    found: list[tuple[RouteSpec, tuple[str, ...]]] = []
    taken: dict[tuple[bool, str], set[str]] = {}
    own = [route for route in by_precedence(app.routes) if route.own]
    for route in sorted(own, key=lambda route: (route.exact is None, -len(route.upstream_path))):
        before = taken.setdefault((route.exact is None, route.upstream_path), set())
        methods = tuple(method for method in route.methods if method not in before)
        before.update(methods)
        if methods:
            found.append((route, methods))
    return found


def _takes_in(route: RouteSpec, path: str) -> bool:
    return path.startswith(route.upstream_path) if route.exact is None else path == route.upstream_path


def _own_uri(route: RouteSpec) -> StringMatch:
    """Callers in the mesh address the app by its own paths."""
    return exact(route.upstream_path) if route.exact is not None else StringMatch(prefix=route.upstream_path)


def _own_forward(app: AppSpec, route: RouteSpec) -> Forward:
    """Without the rewrite, which is the gateway's business."""
    return forward_of(app, route)._replace(rewrite=None)
