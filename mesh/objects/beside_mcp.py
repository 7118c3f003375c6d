"""What stands between an MCP path and a prefix that takes it in, such as `/` for a web UI on the same host.

The routes of the MCP path take that path alone. Whatever a server could read as it (another case, an encoded letter, a
slash, a suffix) would fall to the wider prefix, which may ask for no token, so it is answered 404 before: the same as
without the prefix. Frameworks differ in what they fold: https://www.rfc-editor.org/rfc/rfc3986#section-6.2
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest
from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.auth.protected_resource import METADATA_PATH
from chatgpt_mesh.mesh.objects.matches import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chatgpt_mesh.istio_api.networking import HTTPRoute
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.routes import RouteSpec


def guarded_paths(app: AppSpec, route: RouteSpec, target: AppSpec) -> tuple[str, ...]:
    """What a prefix takes in and must not lead to: the MCP path of this host, the metadata of its tokens, and the MCP
    path of the app that the route leads to."""
    if route.prefix is None:
        return ()
    found = [app.mcp.path] if app.mcp is not None else []
    found += [METADATA_PATH] if app.auth is not None else []
    if target.mcp is not None and route.leads_on and route.rewrite is None:
        found.append(target.mcp.path)
    return tuple(dict.fromkeys(path for path in found if path.startswith(route.prefix)))


def hidden(name: str, paths: Iterable[str]) -> HTTPRoute:
    """404 for everything that could be read as one of these paths."""
    return answer(f"{name}.beside-mcp", [HTTPMatchRequest(uri=regex(alike(path))) for path in paths], 404, {})


def alike(path: str) -> str:
    """A regular expression for every way to write a path, and for all below it.

    Letters in either case or encoded, slashes doubled; then the end, or anything that ends a word: `/mcp/x`,
    `/mcp.json`, `/mcp%20`, but not `/mcpx`, which is another word to every server.
    """
    return "(?i)" + "".join(map(_written, path.rstrip("/"))) + r"([^A-Za-z0-9_-].*)?"


def _written(character: str) -> str:
    if character == "/":
        return "(/|%2f)+"
    codes = sorted({f"%{ord(form):02x}" for form in (character.lower(), character.upper())})
    return f"({'|'.join([re.escape(character), *codes])})"
