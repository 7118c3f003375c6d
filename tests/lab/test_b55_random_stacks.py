"""B55: stacks that nobody wrote are deployed one after another, and each is what the checker says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshlint.reachability.answer import answer
from meshlint.reachability.request import Outcome
from tests.lab.bring_up import MESH
from tests.lab.random_mesh.asking import asked_of, compare
from tests.lab.random_mesh.deployed import Deployed, RandomStacks
from tests.lab.running_lab import RunningLab, fails

SEEDS = (2, 6, 22)
QUESTIONS = 200
EACH_WAY = 30
"""Questions of one stack that are let in, and that are refused, at least."""


@pytest.fixture(scope="module")
def stacks(lab: RunningLab) -> Iterator[RandomStacks]:
    found = RandomStacks(lab, MESH)
    try:
        yield found
    finally:
        found.restore()


@pytest.mark.parametrize("seed", SEEDS)
def test_requests_meet_what_the_checker_says(stacks: RandomStacks, seed: int) -> None:
    deployed = stacks.deploy(seed)
    found = compare(deployed)
    assert not deployed.refused, "\n".join(deployed.refused)
    assert not found.disagreements, "\n".join(found.disagreements)
    assert found.asked >= QUESTIONS
    assert min(found.allowed, found.refused) >= EACH_WAY


def test_one_policy_that_is_gone_is_noticed(stacks: RandomStacks) -> None:
    """What is predicted comes from the objects as they were, and requests meet a mesh with one policy less."""
    deployed = stacks.running or stacks.deploy(SEEDS[0])
    judged = deployed.view
    namespace, name = _policy_that_closes_something(deployed)
    with deployed.lab.objects.without("AuthorizationPolicy", namespace, name), fails():
        found = compare(deployed, judged)
        assert not [one for one in found.disagreements if "arrived at" in one]


def _policy_that_closes_something(deployed: Deployed) -> tuple[str, str]:
    """Some policy without which a question is let in that is refused with it, by the checker."""
    asked = [question.asked for question in asked_of(deployed)]
    closed = [one for one in asked if answer(deployed.view, one).outcome is not Outcome.ALLOWED]
    for policy in deployed.objects:
        if policy["kind"] != "AuthorizationPolicy":
            continue
        without = deployed.view_of([one for one in deployed.objects if one is not policy])
        if any(answer(without, one).destination and answer(without, one).status == 200 for one in closed):
            return policy["metadata"]["namespace"], policy["metadata"]["name"]
    raise AssertionError("no policy of this stack closes anything that is asked")
