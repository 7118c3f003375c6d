"""How an MCP client learns that it needs a token, and where from: 401 and 403 with `WWW-Authenticate`.

Istio answers a missing token with nothing (RequestAuthentication lets it pass) or with a bare 403 (an ALLOW policy),
and neither starts OAuth. So a request is led to the app only where its verified claims match, and whatever is left on
the path is answered by a route: 401, or 403 where only a scope is missing. Claims are compared exactly; Envoy's own
audience check ignores scheme and trailing slash.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRoute, StringMatch
from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.auth.claims import no_token
from chatgpt_mesh.mesh.objects.auth.protected_resource import metadata_uri
from chatgpt_mesh.mesh.objects.matches import PRESENT, methods_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec

JSON = {"content-type": "application/json"}

REFUSED = -32001
"""Of the codes that JSON-RPC leaves to implementations, the one that the official SDKs use."""


def refusal(message: str, code: int = REFUSED) -> str:
    """The body of an answer of 4xx, which clients show to people: an error of JSON-RPC without an id, as MCP allows.
    https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
    """
    error = {"code": code, "message": message}
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": error}, separators=(",", ":"))


def challenge(app: AppSpec, auth: AuthSpec, host: str, *, error: str | None = None, scopes: Iterable[str] = ()) -> str:
    """The value of WWW-Authenticate: RFC 6750, section 3, and RFC 9728, section 5.1. Without `scopes`: those of the
    first issuer, which is the one that clients turn to."""
    parameters = [] if auth.realm is None else [f'realm="{auth.realm}"']
    parameters += [] if error is None else [f'error="{error}"']
    parameters.append(f'resource_metadata="{metadata_uri(app, host)}"')
    first = auth.rules[0]
    wanted = " ".join(scopes or first.as_asked(first.scopes))
    parameters += [f'scope="{wanted}"'] if wanted else []
    return "Bearer " + ", ".join(parameters)


def readable_by_browsers(app: AppSpec) -> Mapping[str, str]:
    """CORS headers of answers that the proxy gives itself, which `corsPolicy` leaves out. Any other Origin than those
    listed has been refused before this."""
    if not app.cors.origins:
        return {}
    return {
        "access-control-allow-origin": "%REQ(ORIGIN)%",
        "access-control-expose-headers": "www-authenticate",
        "vary": "origin",
    }


def challenge_routes(
    name: str, app: AppSpec, auth: AuthSpec, host: str, uri: StringMatch, methods: Iterable[str]
) -> Iterator[HTTPRoute]:
    """401 for what no claim has let through: without an error where there was no token (RFC 6750, section 3.1)."""
    method = methods_match(methods)
    yield from answers(
        f"{name}.no-token",
        app,
        [no_token(HTTPMatchRequest(uri=uri, method=method))],
        401,
        {"www-authenticate": challenge(app, auth, host), **JSON},
        refusal("a token is needed; www-authenticate says where from"),
    )
    yield from answers(
        f"{name}.invalid-token",
        app,
        [HTTPMatchRequest(uri=uri, method=method)],
        401,
        {"www-authenticate": challenge(app, auth, host, error="invalid_token")},
        # Plain: the gateway makes an error of JSON-RPC of every 401 about a token (`verification`).
        "the token is not for this server: its issuer, its audience, or it never expires",
    )


def answers(
    name: str,
    app: AppSpec | None,
    matches: Sequence[HTTPMatchRequest],
    status: int,
    headers: Mapping[str, str],
    body: str | None = None,
) -> Iterator[HTTPRoute]:
    """An answer of the proxy's own, which a page of a listed origin can read too. `app`: None where no browser asks."""
    if app is not None and (browsers := readable_by_browsers(app)):
        with_origin = [
            HTTPMatchRequest(
                uri=match.uri,
                method=match.method,
                headers={**match.headers, "origin": PRESENT},
                without_headers=match.without_headers,
            )
            for match in matches
        ]
        yield answer(name, with_origin, status, {**headers, **browsers}, body)
    yield answer(name, matches, status, headers, body)


def insufficient_scope(
    name: str, app: AppSpec, auth: AuthSpec, host: str, matches: Sequence[HTTPMatchRequest], scopes: Iterable[str]
) -> Iterator[HTTPRoute]:
    """403 that names the scope to ask for: RFC 6750, section 3.1, and the step-up flow of MCP."""
    wanted = tuple(scopes)
    headers = {"www-authenticate": challenge(app, auth, host, error="insufficient_scope", scopes=wanted), **JSON}
    yield from answers(name, app, matches, 403, headers, refusal(f"the token lacks a scope: {' '.join(wanted)}"))
