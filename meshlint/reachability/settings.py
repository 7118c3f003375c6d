"""Differences between objects that no question about requests shows: compared as what they are, settings.

Weights and subsets are told by whom requests meet (`compare`); what is left is timeouts, retries, mirrors, headers,
TLS, limits, `exportTo`, and every field of every kind that is not followed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, cast

from meshlint.finding import Path, dotted
from meshlint.view.fields import text
from meshlint.view.manifest import HELM_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView

_MISSING = object()

_NOT_COMPARED = frozenset({"status", "apiVersion", "kind"})
_METADATA = ("labels", "annotations")
_NOISE = ("kubectl.kubernetes.io/", "deployment.kubernetes.io/", "pulumi.com/")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one object, or the object as a whole (`path` is empty)."""

    object: str
    path: Path
    before: Any
    now: Any
    where: str
    """The place in words: names of routes, servers and subsets instead of their positions."""

    @property
    def is_new(self) -> bool:
        """Whether the object is only in the new version."""
        return not self.path and self.before is None

    @property
    def is_gone(self) -> bool:
        """Whether the object is only in the old version."""
        return not self.path and self.now is None

    def __str__(self) -> str:
        if self.is_new:
            return f"{self.object} is new."
        if self.is_gone:
            return f"{self.object} is gone."
        if self.before is None:
            return f"{self.object}: {self.where} was not set; now it is {_shown(self.now)}."
        if self.now is None:
            return f"{self.object}: {self.where} was {_shown(self.before)}; now it is not set."
        return f"{self.object}: {self.where} was {_shown(self.before)}; now it is {_shown(self.now)}."


_FOLLOWED: dict[str, tuple[tuple[str, ...], ...]] = {
    "Gateway": (
        ("selector",), ("servers", "hosts"), ("servers", "port"), ("servers", "tls", "mode"),
        ("servers", "tls", "httpsRedirect"),
        ("gatewayClassName",), ("addresses",), ("listeners", "hostname"), ("listeners", "port"),
        ("listeners", "protocol"), ("listeners", "allowedRoutes"), ("listeners", "tls", "mode"),
        ("listeners", "tls", "certificateRefs"), ("allowedListeners",),
    ),
    "ListenerSet": (("parentRef",), ("listeners",)),
    "HTTPRoute": (
        ("parentRefs",), ("hostnames",), ("rules", "matches"), ("rules", "backendRefs"), ("rules", "filters", "type"),
        ("rules", "filters", "requestRedirect", "statusCode"), ("rules", "filters", "urlRewrite"),
        ("rules", "filters", "cors", "allowOrigins"),
    ),
    "GRPCRoute": (("parentRefs",), ("hostnames",), ("rules", "matches"), ("rules", "backendRefs")),
    "TLSRoute": ((),),
    "TCPRoute": ((),),
    "ReferenceGrant": ((),),
    "GatewayClass": (("controllerName",),),
    "VirtualService": (
        ("hosts",), ("gateways",), ("exportTo",), ("tls",), ("tcp",), ("http", "match"), ("http", "route"),
        ("http", "delegate"), ("http", "redirect"), ("http", "rewrite"), ("http", "directResponse", "status"),
        ("http", "corsPolicy", "allowOrigins"),
    ),
    "DestinationRule": (("host",), ("subsets", "labels"), ("subsets", "name"), ("trafficPolicy", "tls", "mode")),
    "AuthorizationPolicy": ((),),
    "PeerAuthentication": ((),),
    "RequestAuthentication": (("selector",), ("jwtRules", "issuer"), ("jwtRules", "audiences")),
    "ServiceEntry": (("hosts",), ("ports",), ("exportTo",)),
    "Service": (("selector",), ("ports",)),
    "Sidecar": (("workloadSelector",), ("egress",), ("outboundTrafficPolicy",)),
}  # fmt: skip
"""What answers to requests follow, by kind: below `spec`, positions left out."""


def is_followed(difference: Difference) -> bool:
    """Whether answers to requests show what the field means; else it is told as a setting alone."""
    keys = tuple(step for step in difference.path if isinstance(step, str))
    if not keys:
        return difference.object.partition("/")[0] in _FOLLOWED
    if keys[0] != "spec":
        return False
    followed = _FOLLOWED.get(difference.object.partition("/")[0], ())
    return any(keys[1 : 1 + len(prefix)] == prefix for prefix in followed)


def _shown(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    written = " ".join(written.split()) or '""'
    return written if len(written) <= 100 else f"{written[:97]}..."


def differences(old: MeshView, new: MeshView) -> list[Difference]:
    """Everything in which the objects of two versions differ, by object."""
    before, now = _by_key(old), _by_key(new)
    found: list[Difference] = []
    for key in dict.fromkeys([*before, *now]):
        one, other = before.get(key), now.get(key)
        if one is None or other is None:
            found.append(Difference(key, (), one and one.body, other and other.body, ""))
        elif one.body != other.body:
            found += _of(key, _compared(one), _compared(other))
    return found


def _by_key(mesh: MeshView) -> dict[str, Manifest]:
    return {named(obj): obj for obj in mesh.objects}


def named(obj: Manifest) -> str:
    """KIND/NAMESPACE/NAME, with the API's group where kinds of several share a name: `Gateway`, `Service`."""
    plain = obj.is_istio or obj.group in ("", "apps") or obj.kind == HELM_VALUES
    return obj.key if plain else f"{obj.key} ({obj.group})"


def _compared(obj: Manifest) -> dict[str, Any]:
    body: dict[str, Any] = {name: value for name, value in obj.body.items() if name not in _NOT_COMPARED}
    metadata = cast("dict[str, Any]", body.pop("metadata", None) or {})
    kept = {
        name: {key: value for key, value in metadata[name].items() if not str(key).startswith(_NOISE)}
        for name in _METADATA
        if isinstance(metadata.get(name), dict)
    }
    return {**body, "metadata": kept} if any(kept.values()) else body


def _of(key: str, before: Any, now: Any) -> Iterator[Difference]:
    for path, where, one, other in _walk(before, now, (), ""):
        yield Difference(key, path, None if one is _MISSING else one, None if other is _MISSING else other, where)


def _walk(one: Any, other: Any, path: Path, where: str) -> Iterator[tuple[Path, str, Any, Any]]:
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        for name in dict.fromkeys([*left, *right]):
            step = dotted((*path, name)) if not where else f"{where}{dotted(('x', name))[1:]}"
            yield from _walk(left.get(name, _MISSING), right.get(name, _MISSING), (*path, name), step)
        return
    if isinstance(one, list) and isinstance(other, list):
        yield from _walk_lists(cast("list[Any]", one), cast("list[Any]", other), path, where)
        return
    yield path, where, one, other


def _walk_lists(one: list[Any], other: list[Any], path: Path, where: str) -> Iterator[tuple[Path, str, Any, Any]]:
    """Lists of named things by their names, where these are their own; others position by position."""
    names, others = _names(one), _names(other)
    if names is None or others is None:
        if all(not isinstance(value, dict | list) for value in (*one, *other)):
            yield path, where, one, other
            return
        for position, left, right in _aligned(one, other):
            yield from _walk(left, right, (*path, position), f"{where}[{position}]")
        return
    for name in dict.fromkeys([*names, *others]):
        left = one[names.index(name)] if name in names else _MISSING
        right = other[others.index(name)] if name in others else _MISSING
        position = names.index(name) if name in names else others.index(name)
        yield from _walk(left, right, (*path, position), f"{where}[{name}]")
    if [name for name in names if name in others] != [name for name in others if name in names]:
        yield path, f"the order of {where}", names, others


def _aligned(one: list[Any], other: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """(position, left, right) of what differs, so that one that comes or goes does not make all after it differ."""
    written = [[json.dumps(value, sort_keys=True, default=str) for value in listed] for listed in (one, other)]
    for kind, start, end, begin, stop in SequenceMatcher(None, *written, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(end - start, stop - begin)):
            left = one[start + offset] if start + offset < end else _MISSING
            right = other[begin + offset] if begin + offset < stop else _MISSING
            yield start + offset if left is not _MISSING else begin + offset, left, right


def _names(listed: list[Any]) -> list[str] | None:
    found: list[str] = []
    for value in listed:
        name = _name(value)
        if not name:
            return None
        # Routes may share a name: istiod lets an app answer one question by several.
        repeated = sum(1 for one in found if one.partition(" (")[0] == name)
        found.append(f"{name} ({repeated + 1})" if repeated else name)
    return found


def _name(value: Any) -> str:
    return text(value, "name") or text(value, "port", "name")
