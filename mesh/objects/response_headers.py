"""Headers of every answer of an app's hosts.

Two places make them whole. Each route of the hosts writes them on what the app answers and on what the route answers
itself. What is refused before a route is found, or answered because no app can be reached (400, 401, 403, 404, 429,
503), is an answer of the proxy's own, to which its connection manager adds them:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/local_reply

Not reached: the answer to a CORS preflight, which Envoy's CORS filter writes past both, and a request that is so broken
that Envoy ends the connection without knowing its host.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.networking import Headers, Headers_HeaderOperations
from chatgpt_mesh.mesh.objects import envoy_patches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.istio_api.networking import HTTPRoute
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.routes import HeaderChangesSpec


def on_every_answer(changes: HeaderChangesSpec, routes: Iterable[HTTPRoute]) -> tuple[HTTPRoute, ...]:
    """The routes with these changes to their answers; what a route says itself about a header holds."""
    if not changes.set and not changes.remove:
        return tuple(routes)
    return tuple(replace(route, headers=_with(changes, route.headers)) for route in routes)


def _with(changes: HeaderChangesSpec, own: Headers | None) -> Headers:
    response = (own and own.response) or Headers_HeaderOperations()
    written, taken = response.set, response.remove
    return Headers(
        request=own and own.request,
        response=Headers_HeaderOperations(
            set={**{name: value for name, value in changes.set.items() if name not in taken}, **written},
            remove=tuple(dict.fromkeys([*taken, *(name for name in changes.remove if name not in written)])),
        ),
    )


def added(changes: HeaderChangesSpec) -> list[dict[str, Any]]:
    """What the proxy's own answers get. A route's own answer is one of them, and what the route has said holds."""
    return [
        {"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"}
        for name, value in changes.set.items()
    ]


def of_proxys_own_answers(apps: Iterable[AppSpec], gateway: GatewaySpec) -> Iterator[dict[str, Any]]:
    """Mappers of a gateway's own answers by host, for whatever no mapper before has taken."""
    for app in apps:
        hosts = [exposure.host for exposure in app.exposures if exposure.gateway == gateway.name]
        if hosts and app.response_headers.set:
            host = {"safe_regex": {"regex": envoy_patches.host_pattern(hosts)}}
            yield {
                "filter": {"header_filter": {"header": {"name": ":authority", "string_match": host}}},
                "headers_to_add": added(app.response_headers),
            }
