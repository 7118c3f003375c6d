"""Tests on a running lab. `MESH` (default `staging`) says which environment's declaration runs there.

A lab that does not run is brought up first (`python -m lab up`); `LAB_KUBECONFIG` names another cluster instead.

A test runs once. One that the machine itself can fail says why with ``@pytest.mark.timing(...)`` and is tried again: a
retry of any other could hide a door that is open now and then.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.running_lab import RunningLab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
        if item.get_closest_marker("timing"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=5))
    # They end the lab or the stack on it, so that every other test comes before them.
    items.sort(key=lambda item: item.path.name.startswith("test_lab_z"))


@pytest.fixture(scope="session")
def lab() -> RunningLab:
    """The running lab, brought up if there is none."""
    from tests.lab.bring_up import running_lab

    return running_lab()
