"""What the program registers for a small stack with a GKE cluster."""

from __future__ import annotations

from typing import Any

from tests.program.recorded_program import Recorded, Registered, run
from tests.unit.components.gke_stack import changed as small

CLUSTER = "gcp:container/cluster:Cluster"


POOL = "gcp:container/nodePool:NodePool"


FIREWALL = "gcp:compute/firewall:Firewall"


NAT = "gcp:compute/routerNat:RouterNat"


def registered(changes: dict[str, Any] | None = None, **answers: Any) -> Recorded:
    recorded = run("prod", small(changes or {}), answers={name.replace("__", "/"): v for name, v in answers.items()})
    assert recorded.error is None, recorded.error
    return recorded


def the(recorded: Recorded, kind: str) -> Registered:
    (found,) = recorded.of_type(kind)
    return found


def cluster(recorded: Recorded) -> Any:
    return the(recorded, CLUSTER).inputs


def pool(recorded: Recorded) -> Any:
    return the(recorded, POOL).inputs


def providers(recorded: Recorded) -> tuple[Registered, Registered]:
    """That of the cluster's objects, and that of their definitions."""
    objects, definitions = sorted(recorded.of_type("pulumi:providers:kubernetes"), key=lambda found: found.name)
    return objects, definitions
