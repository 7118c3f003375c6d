"""Valid objects of every kind of Istio's."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

FILE = Path(__file__).with_name("valid_objects.yaml")


def valid_objects() -> list[Json]:
    """Every valid object; none of them shares a part with another."""
    return list(yaml.load_all(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


@cache
def api_versions() -> dict[str, str]:
    """The `apiVersion` of each kind."""
    return {one["kind"]: one["apiVersion"] for one in valid_objects()}


def make(kind: str, spec: Json, **metadata: Any) -> Json:
    """An object of a kind."""
    named = {"name": "web", "namespace": "shop", **{name: value for name, value in metadata.items() if value}}
    return {"apiVersion": api_versions()[kind], "kind": kind, "metadata": named, "spec": spec}
