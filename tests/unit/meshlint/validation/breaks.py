"""Valid objects with one thing changed at a time, everywhere and in every way that a value of the type can be wrong.

Nothing here knows what Istio refuses: many of the changes are harmless, and its own validator says which.
"""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

from meshlint import schemas
from tests.unit.meshlint.validation.valid_objects import Json, api_versions, valid_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = tuple[str | int, ...]

STRINGS = (
    "", "*", "a", "A_b", "a b", "*.example.com", "*a.example.com", "a*b", "a.*.c", "-a.example.com", "a..b", "web",
    "web.example.com", "web.example.com.", "web.1", "a/b", "/a", "a/", "./web.example.com", "~/*", "a/b/c", "mesh", ".",
    "~", "x" * 64, "x" * 300, "x" * 2100, "10.0.0.1", "10.0.0.0/8", "10.0.0.300", "10.0.0.0/33", "fd00::1", "fd00::/64",
    "0s", "1ns", "1ms", "1.5ms", "-1s", "1h30m", "5", "1 s", "1d", "0", "8080", "65536", "-1", ":8080", "127.0.0.1:80",
    "10.1.1.1:80", "[::1]:80", "127.0.0.1:99999", "unix://", "unix:///a.sock", "unix://@a", "unix://a", "unix:///a/",
    "http://a.example.com", "https://a.example.com/b", "ftp://a.example.com", "oci://a.example.com/b:c", "http://[",
    "(", "[a-z]+", "a(?=b)", "x{1001}", "%", "%%", "%REQ(A)%", "%REQ(A", "{*}", "{**}/{*}", "/{a}", "/a/{*}*",
    "a\nb", "5xx, reset", "5xx,404", "299", ":path", "host", "Host", "@request.auth.claims.a", "@request.auth.claims",
    "request.headers", "request.headers[]", "request.headers[a]", "destination.labels[a]", "source.user", "CONNECT",
    "configmap://a", "configmap://shop/a", "us-east1/a", "us-east1/*", "topology.kubernetes.io/zone", "{", "{}",
    '{"keys": []}', "OK", "NOT_A_STATUS", "TCP", "http", "UDP", "SCTP", "HTTPS", "HBONE",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2,
    4,
    99,
    100,
    101,
    199,
    200,
    299,
    301,
    399,
    400,
    599,
    600,
    601,
    65535,
    65536,
    5_000_011,
    2**31,
    2**32,
)
KEYS = ("", "a*", "a b", "A_b", "x" * 64, "x" * 300, ":path", "host", "Host", ":authority", "0", "70000", "a/b")
FRACTIONS = (0.5, -0.5, 0.00001, 100.5)
OPEN = "x"
"""The schema of a part that the CRD leaves open."""
_DOUBLED = 2
_MANY = (17, 300)
ANNOTATIONS = (
    ("istio.io/dry-run", "true"), ("istio.io/dry-run", "maybe"), ("internal.istio.io/webhook-always-reject", "true"),
    ("internal.istio.io/parents", "a"), ("internal.istio.io/parent-namespace", "a"), ("example.com/note", "a"),
)  # fmt: skip


def parts(value: Any, schema: Any, place: Place = ()) -> Iterator[tuple[Place, Any, Any]]:
    """Every part of a spec with its schema, the whole first."""
    yield place, value, schema
    if isinstance(value, dict):
        for name, inner in value.items():
            below = (
                schema[1] if isinstance(schema, list) else schema.get(name, "x") if isinstance(schema, dict) else "x"
            )
            yield from parts(inner, below, (*place, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from parts(inner, schema[1] if isinstance(schema, list) else "x", (*place, position))


def _replacements(value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(schema, list) and schema[0] == "e":
        yield from schema[1:]
    elif isinstance(value, str):
        yield from STRINGS
        yield value + "*"
        yield value + "/"
        yield value.upper()
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from NUMBERS
        if schema == "n":
            yield from FRACTIONS
    elif isinstance(value, list):
        yield []
        for count in (_DOUBLED, *_MANY):
            yield value * count
        yield value[::-1]
        yield value[:-1]
    elif isinstance(value, dict):
        yield {}
        if isinstance(schema, list):  # a map
            for key in (
                "",
                "a*",
                "a b",
                "A_b",
                "x" * 64,
                "x" * 300,
                ":path",
                "host",
                "Host",
                ":authority",
                "0",
                "70000",
                "a/b",
            ):
                for inner in list(value.values())[:1]:
                    yield {**value, key: inner}


def _siblings(kind: str) -> dict[tuple[str, ...], Json]:
    """Every field that some valid object of the kind has, by the place of its message without positions."""
    found: dict[tuple[str, ...], Json] = {}
    for obj in valid_objects():
        for place, value, _ in parts(obj["spec"], schema_of(kind)) if obj["kind"] == kind else ():
            if isinstance(value, dict):
                found.setdefault(_plain(place), {}).update(value)
    return found


def _plain(place: Place) -> tuple[str, ...]:
    return tuple(step for step in place if isinstance(step, str))


def schema_of(kind: str) -> Any:
    """The schema of a kind's spec, in the form of `meshlint.schemas`."""
    return schemas.load("istio_resources")[f"{api_versions()[kind].partition('/')[0]}/{kind}"]["spec"]


_PLACEHOLDERS: dict[str, Any] = {"s": "a", "b": True, "i": 1, "n": 1, "is": 1, "x": "a"}


def _placeholder(schema: Any) -> Any:
    """A value for a field that no valid object here has."""
    if isinstance(schema, str):
        return _PLACEHOLDERS[schema]
    if isinstance(schema, dict):
        required = schema.get("", [])
        return {name: _placeholder(schema[name]) for name in required}
    if schema[0] == "e":
        return schema[-1]
    return [_placeholder(schema[1])] if schema[0] == "l" else {"a": _placeholder(schema[1])}


def broken_objects() -> Iterator[Json]:
    """Every changed object, each with one change."""
    known = {kind: _siblings(kind) for kind in api_versions()}
    for obj in valid_objects():
        kind = obj["kind"]
        for name, value in ANNOTATIONS:
            yield {**obj, "metadata": {**obj["metadata"], "annotations": {name: value}}}
        yield {**obj, "metadata": {**obj["metadata"], "name": "a.b"}}
        for place, value, schema in parts(obj["spec"], schema_of(kind)):
            if "typed_config" in place:
                continue
            for other in _replacements(value, schema) if place else ():
                if other != value or type(other) is not type(value):
                    yield _changed(obj, place, other)
            if place and isinstance(place[-1], str):
                yield _without(obj, place)
            if isinstance(value, dict) and isinstance(schema, dict):
                there = known[kind].get(_plain(place), {})
                for name in schema:
                    if name and name not in value:
                        yield _changed(obj, (*place, name), there.get(name, _placeholder(schema[name])))


def _holder(obj: Json, place: Place) -> tuple[Json, Any]:
    changed = copy.deepcopy(obj)
    holder: Any = changed["spec"]
    for step in place[:-1]:
        holder = holder[step]
    return changed, holder


def _changed(obj: Json, place: Place, value: Any) -> Json:
    changed, holder = _holder(obj, place)
    holder[place[-1]] = copy.deepcopy(value)
    return changed


def _without(obj: Json, place: Place) -> Json:
    changed, holder = _holder(obj, place)
    del holder[place[-1]]
    return changed


EDITED = 'aZ09-_.*/:@%{}[]()~ ,|^$\\+?"'
"""What an edit types."""


def edited_objects(seed: int, count: int) -> Iterator[Json]:
    """Valid objects with a word or two mistyped, or a number beside: what the list of broken values does not know."""
    drawn = random.Random(seed)  # noqa: S311 - the same edits for the same seed
    valid = valid_objects()
    for _ in range(count):
        obj = copy.deepcopy(drawn.choice(valid))
        places = [
            place
            for place, value, _ in parts(obj["spec"], schema_of(obj["kind"]))
            if place and "typed_config" not in place and type(value) in (str, int, float)
        ]
        for place in drawn.sample(places, k=min(len(places), drawn.choice((1, 1, 2)))):
            holder: Any = obj["spec"]
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = _edited(drawn, holder[place[-1]])
        yield obj


def _edited(drawn: random.Random, value: Any) -> Any:
    if not isinstance(value, str):
        return drawn.choice((value * 1000, -value, value + drawn.randint(-200, 200), drawn.randint(-5, 70_000)))
    letters = list(value)
    for _ in range(drawn.randint(1, 3)):
        at = drawn.randint(0, len(letters))
        inserted, removed = drawn.choice(((1, 0), (1, 1), (0, drawn.randint(1, 4))))
        letters[at : at + removed] = [drawn.choice(EDITED)] * inserted
    return "".join(letters)
