"""How an MCP client learns that it needs a token, and where from: 401 and 403 with `WWW-Authenticate`, and the resource
metadata of RFC 9728.

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
from chatgpt_mesh.mesh.objects.matches import PRESENT, exact, methods_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec

PUBLIC = {"access-control-allow-origin": "*"}
"""For pages that are the same for everybody: a page of any origin may read them."""

JSON = {"content-type": "application/json"}

REFUSED = -32001
"""Of the codes that JSON-RPC leaves to implementations, the one that the official SDKs use."""


def refusal(message: str, code: int = REFUSED) -> str:
    """The body of an answer of 4xx, which clients show to people: an error of JSON-RPC without an id, as MCP allows.
    https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
    """
    error = {"code": code, "message": message}
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": error}, separators=(",", ":"))


METADATA_PATH = "/.well-known/oauth-protected-resource"
"""RFC 9728, section 3: the well-known path, with the resource's own path after it."""


def resource_path(app: AppSpec) -> str:
    return "" if app.mcp is None else app.mcp.resource_path


def resource_uri(app: AppSpec, host: str) -> str:
    """The audience of tokens: RFC 8707's resource, the URI of the MCP endpoint."""
    return f"https://{host}{resource_path(app)}"


def metadata_uri(app: AppSpec, host: str) -> str:
    return f"https://{host}{METADATA_PATH}{resource_path(app)}"


def metadata_document(app: AppSpec, auth: AuthSpec, host: str) -> str:
    document: dict[str, object] = {
        "resource": resource_uri(app, host),
        "authorization_servers": list(dict.fromkeys(one.authorization_server or one.issuer for one in auth.issuers)),
        "bearer_methods_supported": ["header"],
    }
    tools = [rule.scope for rule in auth.tools.values()]
    # A client may ask for all of them at once, and an authorization server refuses a scope that it does not know.
    rules = [auth.rule(issuer) for issuer in auth.issuers if issuer.scopes is None or issuer.scopes]
    scopes = dict.fromkeys(scope for rule in rules for scope in rule.as_asked([*rule.scopes, *tools]))
    if scopes:
        document["scopes_supported"] = list(scopes)
    if auth.resource_name is not None:
        document["resource_name"] = auth.resource_name
    if auth.resource_documentation is not None:
        document["resource_documentation"] = auth.resource_documentation
    return json.dumps(document, separators=(",", ":"))


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


def metadata_routes(app: AppSpec, auth: AuthSpec, host: str) -> Iterator[HTTPRoute]:
    """The metadata at both forms of its path, open to everybody: it is what a client without a token needs."""
    spellings = () if app.mcp is None else app.mcp.spellings
    own = (METADATA_PATH + path for path in (resource_path(app), *spellings))
    forms = tuple(dict.fromkeys([*own, METADATA_PATH]))
    yield answer(
        f"{app.name}.metadata",
        [HTTPMatchRequest(uri=exact(path), method=exact("GET")) for path in forms],
        200,
        {"content-type": "application/json", "cache-control": "max-age=300", **PUBLIC},
        metadata_document(app, auth, host),
    )
    yield from open_preflight(app, f"{app.name}.metadata-preflight", forms)


def open_preflight(app: AppSpec, name: str, paths: Iterable[str]) -> Iterator[HTTPRoute]:
    """The preflight of pages that clients in a browser read with the header of their protocol's version."""
    if app.cors.origins:
        yield answer(
            name,
            [
                HTTPMatchRequest(
                    uri=exact(path),
                    method=exact("OPTIONS"),
                    headers={"origin": PRESENT, "access-control-request-method": exact("GET")},
                )
                for path in paths
            ],
            204,
            {"access-control-allow-methods": "GET", "access-control-allow-headers": "mcp-protocol-version", **PUBLIC},
        )


def challenge_routes(
    name: str, app: AppSpec, auth: AuthSpec, host: str, uri: StringMatch, methods: Iterable[str]
) -> Iterator[HTTPRoute]:
    """401 for what no claim has let through: without an error where there was no token (RFC 6750, section 3.1)."""
    method = methods_match(methods)
    yield from answers(
        f"{name}.no-token",
        app,
        [HTTPMatchRequest(uri=uri, method=method, without_headers={"authorization": PRESENT})],
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
