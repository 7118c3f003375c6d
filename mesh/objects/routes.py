"""How requests of one path go on to an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.istio_api.networking import (
    CorsPolicy,
    Delegate,
    Destination,
    Headers,
    Headers_HeaderOperations,
    HTTPMatchRequest,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    Percent,
    StringMatch,
)
from chatgpt_mesh.mesh.objects.matches import exact
from chatgpt_mesh.mesh.objects.resilience import retry
from chatgpt_mesh.mesh.objects.rollout import Division, destination, destinations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.routes import HeaderChangesSpec, HeadersSpec, RouteSpec


def header_changes(spec: HeadersSpec) -> Headers | None:
    request, response = _one_direction(spec.request), _one_direction(spec.response)
    return Headers(request=request, response=response) if request or response else None


def _one_direction(spec: HeaderChangesSpec) -> Headers_HeaderOperations | None:
    return Headers_HeaderOperations(set=spec.set, remove=spec.remove) if spec.set or spec.remove else None


def by_precedence(routes: Iterable[RouteSpec]) -> list[RouteSpec]:
    """Exact paths before prefixes, longer before shorter: the first match wins."""
    return sorted(routes, key=lambda route: (route.exact is None, -len(route.path)))


class Forward(NamedTuple):
    """How requests of one path go on to the app."""

    timeout: timedelta | None
    retries: HTTPRetry
    rewrite: HTTPRewrite | None = None
    headers: Headers | None = None
    cors: CorsPolicy | None = None
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None
    sessions: bool = False
    """Whether a request may belong to a session (`mesh.objects.sessions`)."""


def forward(
    name: str,
    matches: Sequence[HTTPMatchRequest],
    app: AppSpec,
    how: Forward,
    division: Division | None,
) -> HTTPRoute:
    """A route with these shares; None leaves the shares to the controller that owns the weighted VirtualService."""
    return HTTPRoute(
        name=name,
        match=matches,
        route=() if division is None else destinations(app, division),
        delegate=Delegate(name=f"{app.name}-rollout", namespace=app.namespace) if division is None else None,
        timeout=how.timeout,
        retries=how.retries,
        rewrite=how.rewrite,
        headers=how.headers,
        cors_policy=how.cors,
        mirror=how.mirror,
        mirror_percentage=how.mirror_percentage,
    )


def route_uri(route: RouteSpec) -> StringMatch:
    return exact(route.exact) if route.exact is not None else StringMatch(prefix=route.prefix)


def forward_of(app: AppSpec, route: RouteSpec, *, strip: Sequence[str] = (), cors: CorsPolicy | None = None) -> Forward:
    headers = header_changes(route.headers)
    if strip:
        request = route.headers.request
        headers = Headers(
            request=Headers_HeaderOperations(set=request.set, remove=tuple(dict.fromkeys([*request.remove, *strip]))),
            response=_one_direction(route.headers.response),
        )
    return Forward(
        timeout=route.timeout,
        retries=retry(route.retries or app.resilience.retries),
        rewrite=None if route.rewrite is None else HTTPRewrite(uri=route.rewrite),
        headers=headers,
        cors=cors,
        mirror=None if route.mirror is None else destination(app, route.mirror.version),
        mirror_percentage=None if route.mirror is None else Percent(value=route.mirror.percent),
    )
