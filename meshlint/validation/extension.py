"""What Istio takes as a WasmPlugin and a TrafficExtension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, each, every, filled, longest, problem
from meshlint.validation.selection import SELECTION, selects_once
from meshlint.validation.values import port, url_scheme

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

_SCHEMES = ("", "file", "http", "https", "oci")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f<>\"\\^`{|}]|%(?![0-9a-fA-F]{2})")


def _url(value: str) -> Problems:
    if not value:
        return problem("is empty", "write oci://, https:// or file://")
    scheme = url_scheme(value) if "://" in value or value.startswith("/") else ""
    if scheme not in _SCHEMES or _NOT_IN_A_URL.search(value.partition("?")[0]):
        return problem(f"is {value!r}, nothing that a proxy can fetch", "write oci://, https:// or file://")
    return NONE


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


WASM = Message(
    {
        "url": _url,
        "sha256": _sha,
        "imagePullSecret": every(filled, longest(253)),
        "pluginName": every(filled, longest(256)),
        "vmConfig": Message({"env": every(each(Message({"name": longest(256), "value": longest(2048)})), _variables)}),
    }
)
_PORTS = each(
    Message({"ports": each(lambda value: tuple((("number", *p), w, m) for p, w, m in port(value.get("number", 0))))})
)


def _has_url(value: Json) -> Problems:
    return NONE if "url" in value else problem("has no url", "write oci://, https:// or file://")


_PLUGIN = WASM.also({**SELECTION, "match": _PORTS}, selects_once, _has_url)


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
        "wasm": WASM.also({}, _has_url),
        "lua": Message({"inlineCode": every(filled, longest(65536))}),
    },
    selects_once,
    _one_program,
)


def validate_extension(obj: Manifest) -> Problems:
    """Every reason to refuse this TrafficExtension, by its place in the spec."""
    return _EXTENSION(obj.spec)
