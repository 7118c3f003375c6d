"""What routes ask of the call that a filter has read from a request's body, and left in the namespace `mcp.call`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshlint.reachability.request import Request
    from meshlint.view.fields import Json
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute

NAMESPACE = "mcp.call"


def takes_call(mesh: MeshView, route: HttpRoute, request: Request) -> bool:
    """Whether the route's conditions on the call hold. Those on other metadata are taken to."""
    conditions: Iterable[Json] = mesh.narrowed_routes.get(route.name, ())
    call = request.call if request.method == "POST" else ""
    return all(
        _holds(mapping(condition, "value"), call) is not (condition.get("invert") is True)
        for condition in conditions
        if text(condition, "filter") == NAMESPACE
    )


def _holds(value: Json, call: str) -> bool:
    if not call:
        return False
    if value.get("present_match") is True:
        return True
    among = elements(value, "or_match", "value_matchers")
    if among:
        return any(_holds(one, call) for one in among)
    pattern = text(value, "string_match", "safe_regex", "regex")
    return re.fullmatch(pattern, call) is not None if pattern else text(value, "string_match", "exact") == call
