"""The protected resource that an app is to OAuth: its URI, which tokens name as their audience, and the metadata of RFC
9728, which every 401 and 403 of `challenge` points at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRoute
from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.matches import PRESENT, exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec

PUBLIC = {"access-control-allow-origin": "*"}
"""For pages that are the same for everybody: a page of any origin may read them."""

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
