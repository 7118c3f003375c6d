"""Routes for callers in the mesh. Who they are and what they may ask for is checked at the app
(`mesh.objects.callers`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRetry, HTTPRoute, StringMatch
from chatgpt_mesh.mesh.objects.faults import fault_injection
from chatgpt_mesh.mesh.objects.matches import exact, methods_match
from chatgpt_mesh.mesh.objects.resilience import retry
from chatgpt_mesh.mesh.objects.rollout import destinations, handed_off, pin_match, stable_division
from chatgpt_mesh.mesh.objects.routes import Forward, by_precedence, forward, forward_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.routes import RouteSpec


def routes(app: AppSpec) -> Iterator[HTTPRoute]:
    """In their order: faults, the pin, further paths, everything else."""
    retries = retry(app.resilience.retries)
    division = None if handed_off(app) else stable_division(app, None)
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
    canary = app.rollout and app.rollout.canary
    own = by_precedence(route for route in app.routes if route.own)
    if canary and canary.pin is not None:
        pinned = pin_match(canary.pin)
        for route in own:
            # With its methods, or a mirror that is declared for GET would copy whatever else is pinned.
            match = HTTPMatchRequest(uri=_own_uri(route), method=methods_match(route.methods), headers=pinned)
            how = _own_forward(app, route)
            yield forward(f"{app.name}.pinned", [match], app, how, ((canary.version, 100),))
        yield forward(f"{app.name}.pinned", [HTTPMatchRequest(headers=pinned)], app, anything, ((canary.version, 100),))
    for route in own:
        match = HTTPMatchRequest(uri=_own_uri(route), method=methods_match(route.methods))
        yield forward(f"{app.name}.{route.path}", [match], app, _own_forward(app, route), division)
    yield forward(app.name, [], app, anything, division)


def _own_uri(route: RouteSpec) -> StringMatch:
    """Callers in the mesh address the app by its own paths."""
    return exact(route.upstream_path) if route.exact is not None else StringMatch(prefix=route.upstream_path)


def _own_forward(app: AppSpec, route: RouteSpec) -> Forward:
    """Without the rewrite, which is the gateway's business."""
    return forward_of(app, route)._replace(rewrite=None)
