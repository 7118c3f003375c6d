"""Answers that a proxy gives itself, instead of leading a request anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    Headers,
    Headers_HeaderOperations,
    HTTPBody,
    HTTPDirectResponse,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRoute,
    StringMatch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def answer(
    name: str, match: Iterable[HTTPMatchRequest], status: int, headers: Mapping[str, str], body: str | None = None
) -> HTTPRoute:
    return HTTPRoute(
        name=name,
        match=tuple(match),
        direct_response=HTTPDirectResponse(status=status, body=None if body is None else HTTPBody(string=body)),
        headers=Headers(response=Headers_HeaderOperations(set=headers)) if headers else None,
    )


def redirect(
    name: str,
    match: Iterable[HTTPMatchRequest],
    status: int,
    *,
    host: str | None = None,
    port: int = 443,
    path: str | None = None,
    headers: Headers | None = None,
) -> HTTPRoute:
    """To another host or path. Whatever is not given, and the query, stays as it was asked for."""
    to = HTTPRedirect(
        authority=host,
        uri=path,
        # Never back to plain HTTP, whatever is in front of the gateway.
        scheme="https",
        port=port if host is not None and port != 443 else None,
        redirect_code=status,
    )
    return HTTPRoute(name=name, match=tuple(match), redirect=to, headers=headers)


def method_not_allowed(name: str, uri: StringMatch, methods: Iterable[str]) -> HTTPRoute:
    return answer(name, [HTTPMatchRequest(uri=uri)], 405, {"allow": ", ".join(methods)})
