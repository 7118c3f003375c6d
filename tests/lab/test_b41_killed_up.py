"""B41: `up` is killed in the middle, its program, engine or plugin; the same command again converges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.killed_deploys.converging import check_as_declared, check_converges, declared_objects, istio_objects
from tests.lab.killed_deploys.declarations import case, without
from tests.lab.running_lab import fails

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

SEEDS = (0, 1, 4, 5, 6)
"""Each part at least once, and each work."""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_command_again_converges(lab: RunningLab, tmp_path: Path, seed: int) -> None:
    check_converges(lab, case(seed), tmp_path)


def test_what_is_not_as_declared_would_be_noticed(lab: RunningLab, tmp_path: Path) -> None:
    base = without(lab, tmp_path)
    others = istio_objects(lab) - declared_objects(base)
    extra = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "left-over", "namespace": lab.namespace},
        "spec": {"hosts": ["left-over.example"], "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]},
    }
    with lab.objects.with_added(extra), fails():
        check_as_declared(lab, base, others)
