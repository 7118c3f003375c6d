"""What Istio takes as an EnvoyFilter, apart from the patched message itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from meshlint.validation.grammar import NONE, Message, each, every, longest, one_of, problem, signed, unsigned
from meshlint.validation.selection import SELECTION, selector
from meshlint.validation.string_match import re2_problem
from meshlint.validation.values import any_duration, port
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

CONNECTION_MANAGERS = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
_LISTENER = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER")
_ROUTES = ("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE")
_OBJECTS = {
    **dict.fromkeys(_LISTENER, "listener"),
    **dict.fromkeys(_ROUTES, "routeConfiguration"),
    "CLUSTER": "cluster",
}
_KINDS = ("listener", "routeConfiguration", "cluster", "waypoint")
_LONGEST_VERSION = 1024
"""Of an expression for a proxy's version: a longer one is ignored."""


def _patch(value: Json) -> Problems:
    if value.get("applyTo", "INVALID") == "INVALID":
        return problem("is not set", "say what is patched, such as HTTP_FILTER", "applyTo")
    patch: Json | None = value.get("patch")
    if patch is None:
        return problem("is not set", "write operation and value", "patch")
    operation = patch.get("operation", "INVALID")
    if operation == "INVALID":
        return problem("is not set", "write MERGE, ADD, INSERT_BEFORE, ...", "patch", "operation")
    if operation != "REMOVE" and "value" not in patch:
        return problem(f"is absent, and {operation} needs it", "add the value", "patch", "value")
    return NONE


_NO_LONGER_KNOWN = re.compile(r"type\.googleapis\.com/envoy\.(?:[\w]+\.)*v2\w*\.")
"""Messages of Envoy's second API, which no proxy of Istio's has had since 1.8."""


def _value(patch: Json) -> Problems:
    """What can be said of the patched message without Envoy's own description of it."""
    value: Any = patch.get("value", {})
    if not isinstance(value, dict):
        return problem("is no mapping", "write the fields of what is patched", "patch", "value")
    for name, inner in cast("dict[str, Any]", value).items():
        where = ("patch", "value", name)
        if name == "name" and not isinstance(inner, str):
            return problem(f"is {inner!r}, no string", "quote it", *where)
        if name.endswith(("_timeout", "Timeout")):
            wrong = any_duration(inner) if isinstance(inner, str) else problem("is no duration", "write for example 3s")
            return tuple(((*where, *path), what, mend) for path, what, mend in wrong)
    kind = mapping(value, "typed_config").get("@type") or mapping(value, "typedConfig").get("@type")
    if isinstance(kind, str) and _NO_LONGER_KNOWN.match(kind):
        what = f"is {kind}, of an API that Envoy no longer has"
        return problem(what, "write the message of the v3 API", "patch", "value", "typed_config", "@type")
    return NONE


def _version(match: Json) -> Problems:
    pattern: str = match.get("proxy", {}).get("proxyVersion", "")
    if not pattern or len(pattern) > _LONGEST_VERSION:
        return NONE
    return tuple((("match", "proxy", "proxyVersion", *path), what, mend) for path, what, mend in re2_problem(pattern))


def _filter(apply_to: str, match: Json) -> Problems:
    found: Json | None = match.get("listener", {}).get("filterChain", {}).get("filter")
    where = ("match", "listener", "filterChain", "filter")
    if found is None:
        return NONE
    name = found.get("name", "")
    if not name:
        return problem("has no name", "name the filter", *where)
    if "subFilter" not in found:
        return NONE
    if apply_to != "HTTP_FILTER":
        return problem(
            f"is set, and applyTo is {apply_to}", "write applyTo: HTTP_FILTER, or remove it", *where, "subFilter"
        )
    if name not in CONNECTION_MANAGERS:
        mend = f"write {CONNECTION_MANAGERS[0]}"
        return problem(f"is {name!r}, which has no filters below it", mend, *where, "name")
    if not found["subFilter"].get("name"):
        return problem("has no name", "name the filter", *where, "subFilter")
    return NONE


def _match(value: Json) -> Problems:
    match: Json = value.get("match", {})
    apply_to: str = value.get("applyTo", "")
    if match.get("context") == "WAYPOINT":
        return NONE if "waypoint" in match else problem("is WAYPOINT without waypoint", "write match.waypoint", "match")
    if "waypoint" in match:
        return problem("is set, and context is not WAYPOINT", "write context: WAYPOINT", "match", "waypoint")
    wrong = _patch(value) or _version(match)
    if wrong:
        return wrong
    wanted = _OBJECTS.get(apply_to)
    present = [kind for kind in _KINDS if kind in match]
    if wanted and present and wanted not in present:
        what = f"is by {present[0]}, and applyTo {apply_to} is found by {wanted}"
        return problem(what, f"write match.{wanted}", "match", present[0])
    return (_filter(apply_to, match) if apply_to in _LISTENER else NONE) or _value(value["patch"])


_CONFIG_PATCH = Message(
    {
        "match": Message(
            {
                "waypoint": Message({"portNumber": port}),
                "listener": Message(
                    {"portNumber": unsigned, "filterChain": Message({"destinationPort": unsigned})},
                ),
                "routeConfiguration": Message({"portNumber": unsigned}),
                "cluster": Message({"portNumber": unsigned}),
            },
            one_of(*_KINDS),
        )
    },
    _match,
)
_SPEC = Message(
    {
        "workloadSelector": every(selector("labels"), Message({"labels": longest(256)})),
        "targetRefs": SELECTION["targetRefs"],
        "priority": signed,
        "configPatches": each(_CONFIG_PATCH),
    },
    one_of("workloadSelector", "targetRefs"),
)


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this EnvoyFilter, by its place in the spec."""
    return _SPEC(obj.spec)
