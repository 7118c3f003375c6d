"""Paths as a URLRewrite of Gateway API leaves them.

Source: gateway-api.sigs.k8s.io/reference/spec (HTTPPathModifier): prefixes are whole segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import mapping, text
from meshlint.view.strings import in_segments

if TYPE_CHECKING:
    from meshlint.view.routing import HttpRoute


def rewritten_in_segments(route: HttpRoute, path: str) -> str:
    """The path, with its query, that the backend of a route gets."""
    rewrite = mapping(route.raw, "rewrite")
    bare, question, query = path.partition("?")
    whole = text(rewrite, "uriRegexRewrite", "rewrite")
    if whole:
        return f"{whole}{question}{query}"
    wanted = text(rewrite, "uri")
    if not wanted:
        return path
    prefixes = (text(match, "uri", "pathPrefix") for match in route.matches)
    prefix = next((one for one in prefixes if one and in_segments(one, bare)), "/")
    rest = bare if prefix == "/" else bare[len(prefix) :]
    joined = (
        f"{wanted.removesuffix('/')}/{rest.lstrip('/')}" if rest.strip("/") else f"{wanted.removesuffix('/')}{rest}"
    )
    return f"{joined or '/'}{question}{query}"
