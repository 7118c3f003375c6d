"""What is being deployed when a deploy is killed: something new, a change, or a removal."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.lab.killed_deploys.kill import Part

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.running_lab import RunningLab


class Work(StrEnum):
    """`FIRST` and `REMOVAL` are those of apps with a namespace and a gateway of their own."""

    FIRST = "first deploy"
    CHANGE = "change"
    REMOVAL = "removal"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Case:
    """`moment` is a share of the time that the work takes when nothing disturbs it."""

    seed: int
    work: Work
    part: Part
    moment: float

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.part.name.lower()} at {self.moment:.0%} of a {self.work}"


def case(seed: int) -> Case:
    """Each work with each part within any nine seeds that follow each other; the moment is drawn."""
    works, parts = (Work.FIRST, Work.CHANGE, Work.REMOVAL), list(Part)
    return Case(seed, works[seed % 3], parts[seed // 3 % 3], _moment(seed))


def destroy_case(seed: int) -> Case:
    """The engine and the plugin by turns: `destroy` does not run the program."""
    return Case(seed, Work.DESTROY, (Part.ENGINE, Part.PLUGIN)[seed % 2], _moment(seed))


def _moment(seed: int) -> float:
    return random.Random(seed).uniform(0.1, 0.95)  # noqa: S311 - a test's draw


def without(lab: RunningLab, directory: Path) -> Path:
    """The stack as it is deployed."""
    return lab.stack_with({}, directory)


def with_more(lab: RunningLab, directory: Path) -> Path:
    """The stack with two more apps in namespaces that it makes, and another gateway for them."""
    size = {"replicas": {"min": 1, "max": 1}, "resources": {"cpu": "20m", "memory": "96Mi"}}
    listener = {"hosts": ["*.killed.example"], "tls": {"secret": "killed-tls"}}
    gateway: dict[str, Any] = {
        "kind": "public",
        "release": "killed-gateway",
        "namespace": "killed-ingress",
        "listeners": {"web": listener},
        "workload": {**size, "service": {"type": "ClusterIP"}},
    }
    app: dict[str, Any] = {"service": {"port": 8080}, "gateway": "killed"}
    apps = {
        f"killed-{name}": {
            **app,
            "namespace": f"killed-{name}",
            "host": f"{name}.killed.example",
            "routes": [{"prefix": "/", "methods": ["GET"]}],
        }
        for name in ("one", "two")
    }
    return lab.stack_with({"gateways": {"killed": gateway}, "apps": apps}, directory)


def changed(lab: RunningLab, directory: Path) -> Path:
    """The stack with a change in each room: a share, callers, a limit, telemetry and a way out."""
    app: dict[str, Any] = {"longest_call": "610s", "auth": {"deny_subjects": ["somebody", "somebody-else"]}}
    return lab.stack_with({"apps": {"chatgpt-mcp": app}, "telemetry": {"tracing": {"sampling_percent": 7}}}, directory)
