"""Tests on a running lab. `MESH` (default `staging`) says which environment's declaration runs there.

A lab that does not run is brought up first (`python -m lab up`); `LAB_KUBECONFIG` names another cluster instead.

A test runs once. One that the machine itself can fail says why with ``@pytest.mark.timing(...)`` and is tried again: a
retry of any other could hide a door that is open now and then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.state import CHECKOUT
from tests.lab import answers
from tests.lab.last_result import commit
from tests.lab.running_lab import RunningLab

_ANSWERS = pytest.StashKey[dict[str, Counter[int]]]()
_ANSWERS_OPTION = "--answers"
PICTURES = "--pictures"


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "write how the requests of each test that passes were answered into this JSON file"
    parser.addoption(_ANSWERS_OPTION, metavar="FILE", help=told)
    parser.addoption(PICTURES, metavar="DIRECTORY", help="keep pictures of the dashboards there, of five minutes")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    if item.config.getoption(_ANSWERS_OPTION) is None:
        yield
        return
    with answers.counted() as found:
        yield
    name = item.nodeid.partition("[")[0]
    known = item.config.stash.setdefault(_ANSWERS, {})
    known[name] = known.get(name, Counter()) + found


def pytest_sessionfinish(session: pytest.Session) -> None:
    file: str | None = session.config.getoption(_ANSWERS_OPTION)
    if file is not None:
        path = CHECKOUT / file
        of_tests = session.config.stash.get(_ANSWERS, {})
        answers.write(path, of_tests, date=f"{datetime.now(tz=UTC):%Y-%m-%d}", commit=commit(path))


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
