"""Mutants of a correct mesh: each differs in one field from it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from checks import schemas
from checks.finding import dotted

FIXTURE = Path(__file__).parents[2] / "fixtures" / "mesh" / "correct.yaml"
KINDS = (
    "Gateway", "VirtualService", "DestinationRule", "PeerAuthentication", "RequestAuthentication",
    "AuthorizationPolicy", "EnvoyFilter", "ServiceEntry", "Sidecar", "Telemetry",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    index: int
    object: str
    path: tuple[Any, ...]
    operator: str
    value: Any = None

    @property
    def name(self) -> str:
        return f"{self.object} {self.operator} {dotted(self.path)}" + (f" -> {self.value!r}" if self.value else "")

    def apply(self, objects: list[Any]) -> list[Any]:
        changed = list(objects)
        document = changed[self.index] = copy.deepcopy(objects[self.index])
        for step in self.path[:-1]:
            document = document[step]
        if self.operator == "without":
            del document[self.path[-1]]
        else:
            document[self.path[-1]] = self.value
        return changed


def correct() -> list[Any]:
    return [document for document in yaml.load_all(FIXTURE.read_text(), yaml.CSafeLoader) if document]


def mutants(objects: list[Any]) -> list[Mutant]:
    """Every part of every spec: left out, and every scalar changed to something else of its type."""
    found: list[Mutant] = []
    for index, document in enumerate(objects):
        if document["kind"] not in KINDS:
            continue
        metadata = document["metadata"]
        key = f"{document['kind']}/{metadata['namespace']}/{metadata['name']}"
        group = document["apiVersion"].partition("/")[0]
        schema = schemas.load("istio_resources")[f"{group}/{document['kind']}"]["spec"]
        for path, value, node in _parts(document["spec"], ("spec",), schema):
            found.append(Mutant(index, key, path, "without"))
            found += [Mutant(index, key, path, "with", other) for other in _others(value, node)]
    return found


def _parts(value: Any, path: tuple[Any, ...], schema: Any) -> list[tuple[tuple[Any, ...], Any, Any]]:
    found: list[tuple[tuple[Any, ...], Any, Any]] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            below = schema.get(name, "x") if isinstance(schema, dict) else schema[1] if schema[0] == "m" else "x"
            found += [((*path, name), inner, below), *_parts(inner, (*path, name), below)]
    elif isinstance(value, list):
        below = schema[1] if schema[0] == "l" else "x"
        for number, inner in enumerate(value):
            found += [((*path, number), inner, below), *_parts(inner, (*path, number), below)]
    return found


def _others(value: Any, schema: Any) -> list[Any]:
    """What the value is changed to: another member of its enum, its negation, a misspelling, zero or a neighbour."""
    if isinstance(schema, list) and schema[0] == "e":
        return [member for member in schema[1:] if member != value][:2]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1] if value > 79 else [0]
    if isinstance(value, str):
        return [f"{value}x" if not value.endswith(("s", "h")) or not value[:-1].isdecimal() else f"{value[:-1]}ms"]
    return []
