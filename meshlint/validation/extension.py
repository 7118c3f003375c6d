"""What Istio takes as a WasmPlugin and a TrafficExtension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from meshlint.validation.grammar import NONE, Message, below, each, every, filled, longest, problem, signed
from meshlint.validation.selection import SELECTION, selects_once
from meshlint.validation.values import port

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

_SCHEMES = ("file", "http", "https", "oci")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_NOT_IN_A_URL = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9a-fA-F]{2})")
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\[\]\s\\^`{|}%:]*)(?::\d*)?\Z")


def _url(value: str) -> Problems:
    """An address with one of the schemes, a path, or a host (of a registry) with whatever behind it."""
    scheme = _SCHEME.match(value)
    if scheme:
        understood = scheme[1].lower() in _SCHEMES
    else:
        understood = value.startswith("/") or _HOST.match(re.split("[/?#]", value, maxsplit=1)[0]) is not None
    if value and understood and not _NOT_IN_A_URL.search(re.sub(r"\?[^#]*", "", value)):
        return NONE
    return problem(f"is {value!r}, nothing that a proxy can fetch", "write oci://, https:// or file://")


def _sha(value: str) -> Problems:
    if not value or re.fullmatch(r"[a-f0-9]{64}", value):
        return NONE
    return problem(f"is {value!r}, no SHA-256", "write 64 digits of 0-9 and a-f")


def _variables(variables: list[Json]) -> Problems:
    found = longest(256)(variables)
    seen: set[str] = set()
    for position, one in enumerate(variables):
        name = one.get("name", "")
        if not name:
            found += problem("has no name", "name the variable", position)
        elif name in seen:
            found += problem(f"is {name!r}, which is there before", "name each variable once", position, "name")
        seen.add(name)
        if one.get("valueFrom", "INLINE") == "HOST" and "value" in one:
            found += problem("has a value and takes it from the host", "keep one of them", position)
    return found


def _mapping(value: Any) -> Problems:
    return NONE if isinstance(value, dict) else problem("is no mapping", "write the filter's own settings below it")


WASM = Message(
    {
        "pluginConfig": _mapping,
        "url": _url,
        "sha256": _sha,
        "imagePullSecret": every(filled, longest(253)),
        "pluginName": every(filled, longest(256)),
        "vmConfig": Message({"env": every(each(Message({"name": longest(256), "value": longest(2048)})), _variables)}),
    }
)


def _ports(value: Json) -> Problems:
    found = NONE
    seen: set[int] = set()
    for position, one in enumerate(value.get("ports", ())):
        number = one.get("number", 0)
        wrong = port(number)
        if number in seen:
            wrong += problem(f"is {number}, which is there before", "name each port once")
        seen.add(number)
        found += below("ports", below(position, below("number", wrong)))
    return found


_PORTS = each(_ports)


def _has_url(value: Json) -> Problems:
    return NONE if "url" in value else problem("has no url", "write oci://, https:// or file://")


_PLUGIN = WASM.also({**SELECTION, "match": _PORTS, "priority": signed}, selects_once, _has_url)


def validate_plugin(obj: Manifest) -> Problems:
    """Every reason to refuse this WasmPlugin, by its place in the spec."""
    return _PLUGIN(obj.spec)


def _one_program(value: Json) -> Problems:
    if ("wasm" in value) != ("lua" in value):
        return NONE
    found = "has wasm and lua" if "wasm" in value else "has neither wasm nor lua"
    return problem(found, "keep or write one of them")


_EXTENSION = Message(
    {
        **SELECTION,
        "match": _PORTS,
        "priority": signed,
        "wasm": WASM.also({}, _has_url),
        "lua": Message({"inlineCode": every(filled, longest(65536))}),
    },
    selects_once,
    _one_program,
)


def validate_extension(obj: Manifest) -> Problems:
    """Every reason to refuse this TrafficExtension, by its place in the spec."""
    return _EXTENSION(obj.spec)
