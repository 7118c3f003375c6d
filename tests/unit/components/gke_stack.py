"""A small GKE stack, of which tests change one thing at a time."""

from __future__ import annotations

import copy
from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TODAY = date(2026, 11, 24)

SOUND: dict[str, Any] = {
    "project": "acme-chatgpt-prod",
    "network": {
        "region": "us-central1",
        "zones": ["us-central1-a", "us-central1-b", "us-central1-c"],
        "nodes": "10.0.0.0/20",
        "pods": "10.4.0.0/14",
        "services": "10.8.0.0/20",
        "control_plane": "10.8.16.0/28",
    },
    "cluster": {"kind": "gke", "pools": {"mesh": {"machine_type": "e2-standard-4", "nodes": {"min": 3, "max": 9}}}},
    "istio": {"version": RELEASE},
}


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The sound stack with values at dotted paths put in; None takes a key away."""
    config = copy.deepcopy(SOUND)
    for path, value in changes.items():
        *parents, last = path.split("/")
        here = config
        for key in parents:
            here = here.setdefault(key, {})
        if value is None:
            here.pop(last, None)
        else:
            here[last] = value
    return config


def load(directory: Path, changes: Mapping[str, Any] | None = None) -> settings.Settings:
    path = directory / "Pulumi.test.yaml"
    config = {f"chatgpt-mesh:{name}": value for name, value in changed(changes or {}).items()}
    path.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    return settings.load_stack(path, TODAY)


def sentences(directory: Path, changes: Mapping[str, Any]) -> list[str]:
    """What is said about the sound stack with these changes."""
    try:
        load(directory, changes)
    except InvalidConfig as mistakes:
        return [str(problem) for problem in mistakes.problems]
    return []
