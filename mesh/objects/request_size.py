"""The largest body of a request, held at the gateway: 413 above it.

Who says the length of a body is judged by it and never buffered: a longer one is answered by the first route of the
host, and Envoy takes no more bytes than a client has announced. Who does not say it (chunked, or HTTP/2 without
`content-length`) meets a twin of the route, on which Envoy's buffer filter holds the body back until it has ended or
is too long. The filter is told to let every other route pass, so what is answered 401 or 403 is never held, and
answers stream as ever.

Decided in docs/adr/0013-body-limits.md. Reference:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/buffer_filter
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.matches import PRESENT, regex, with_headers
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.specs.request_size import body_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.istio_api.networking import EnvoyFilter_EnvoyConfigObjectPatch, HTTPRoute
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

_FILTER = "envoy.filters.http.buffer"
_TYPES = "envoy.extensions.filters.http.buffer.v3"
_UNSIZED = ".unsized"
_OF_NO_ROUTE = 64 * 1024
"""Bytes of a request for which there is no route, and which is answered 404."""


def larger_than(number: int) -> str:
    """A regular expression for the decimal numbers above one."""
    digits = str(number)
    options = [rf"[1-9][0-9]{{{len(digits)},}}"]
    for position, digit in enumerate(digits):
        if digit != "9":
            rest = len(digits) - position - 1
            options.append(f"{digits[:position]}[{int(digit) + 1}-9]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return f"0*({'|'.join(options)})"


def limited(app: AppSpec, routes: Iterable[HTTPRoute]) -> Iterator[HTTPRoute]:
    """The routes of a host, with what a limit adds to them."""
    if app.max_request_body is None:
        yield from routes
        return
    too_large = HTTPMatchRequest(headers={"content-length": regex(larger_than(_limit(app)))})
    # A WebSocket is a body without an end.
    endless = HTTPMatchRequest(headers={"upgrade": regex("(?i)websocket")})
    yield answer(f"{app.name}.too-large", [too_large, endless], 413, {})
    for route in routes:
        if route.route or route.delegate is not None:
            unsized = [with_headers(match, {}, {"content-length": PRESENT}) for match in route.match]
            yield replace(route, name=f"{route.name}{_UNSIZED}", match=tuple(unsized))
        yield route


def _limit(app: AppSpec) -> int:
    size = body_bytes(app.max_request_body or "")
    assert size is not None, "refused by its type"  # noqa: S101
    return size


def objects(virtual_service: str, app: AppSpec, gateway: GatewaySpec, routes: Iterable[HTTPRoute]) -> Iterator[Owned]:
    """What makes the gateway's filter hold bodies, on the routes for bodies that do not say their length."""
    if app.max_request_body is None:
        return
    per_route = envoy_patches.typed(f"{_TYPES}.BufferPerRoute", {"buffer": {"max_request_bytes": _limit(app)}})
    patch = envoy_patches.merge({"typed_per_filter_config": {_FILTER: per_route}})
    names = dict.fromkeys(route.name or "" for route in routes if (route.name or "").endswith(_UNSIZED))
    if names:
        spec = envoy_patches.envoy_filter([envoy_patches.route(name, patch) for name in names], gateway.pod_labels)
        metadata = ObjectMeta(name=f"{virtual_service}-request-size", namespace=gateway.home)
        yield Owned(Resource(metadata=metadata, spec=spec), f"{app.declared_at}.max_request_body")


def filters(graph: Graph, gateway: GatewaySpec) -> Iterator[EnvoyFilter_EnvoyConfigObjectPatch]:
    """The filter of a gateway with limits, which lets everything pass but the routes that say otherwise.

    It is not `disabled` in the chain: Envoy decides that before the token is read, by the route of whoever has none,
    while the filter itself asks for the route when its turn comes.
    """
    apps = graph.apps.values()
    if any(app.max_request_body and exposure.gateway == gateway.name for app in apps for exposure in app.served):
        yield envoy_patches.before_router(_FILTER, f"{_TYPES}.Buffer", {"max_request_bytes": _OF_NO_ROUTE})
        passing = envoy_patches.typed(f"{_TYPES}.BufferPerRoute", {"disabled": True})
        yield envoy_patches.route_configuration({"typed_per_filter_config": {_FILTER: passing}})
