"""What settings accept, the whole program accepts: settings, mesh, charts and the checker, over random stacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given, seed, settings

from chatgpt_mesh.components.decisions import DECISIONS
from chatgpt_mesh.stack.settings import Settings
from tests.crd_schema import assert_served
from tests.surroundings import surroundings
from tests.unit.golden import product
from tests.unit.random_stacks import TAKES_LONG, leaves, stacks

pytestmark = pytest.mark.unit

PARTS = range(4)
"""Each takes examples of its own, so that the cores of a machine share the work."""

ANY_STACK = settings(
    # Two hundred stacks in `make unit`, two thousand in `make thorough`.
    max_examples=500 if settings().max_examples >= 400 else 50,
    suppress_health_check=TAKES_LONG,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@pytest.fixture(autouse=True, scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with surroundings(tmp_path_factory.mktemp("stacks") / "machine"):
        yield


def is_decision(sentence: str) -> bool:
    """Whether it is said at a path of the stack file, and names the way to accept it."""
    told = re.fullmatch(r"([a-z_]+)(\.[^ :]+): .*If it is meant, accept it: \{code: (MCP\d{3}), object: .*\}", sentence)
    return told is not None and told[1] in Settings.model_fields and told[3] in DECISIONS


@pytest.mark.hypothesis
@pytest.mark.parametrize("part", PARTS)
def test_the_checker_says_nothing_that_no_person_must_decide(part: int) -> None:
    @seed(part)
    @ANY_STACK
    @given(stacks())
    def judged(stack: dict[str, Any]) -> None:
        built = product.of_values(stack)
        assert [found for found in built.findings() if not is_decision(found)] == []
        assert_served(*(made.manifest for made in built.objects if "istio.io" in made.manifest["apiVersion"]))

    judged()


@cache
def drawn() -> frozenset[str]:
    found: set[str] = set()

    def collected(stack: dict[str, Any]) -> None:
        found.update(leaves.reached(Settings, Settings.model_validate_json(json.dumps(stack))))

    wanted = {leaf for leaf in leaves.possible(Settings) if not leaf.startswith(tuple(NEVER))}
    for start in range(STARTS):
        if wanted <= found:
            break
        # Several starts: within one run hypothesis draws many examples that are like each other.
        few = settings(max_examples=50, suppress_health_check=TAKES_LONG, phases=[Phase.generate], database=None)
        seed(start)(few(given(stacks())(collected)))()
    return frozenset(found)


STARTS = 66
"""At most; a quarter of them is enough as a rule. A rare leaf has needed more than half of it."""

NEVER: dict[str, str] = {
    "cluster.mode = autopilot": "refused: node pools and the CNI plugin need the standard mode",
    "istio.data_plane = ambient": "refused: what this program declares is done by sidecars",
    "gateways.*.workload.min_available = 2147483647": "refused: it is below replicas.min, which ends there",
    "istio.multi_cluster.gateway.min_available = 2147483647": "refused, as at any gateway",
    "grants": "for stacks of teams, which are no random ones: tests/unit/mesh/test_grants.py has each field",
    "granted_by": "needs another stack's outputs: tests/unit/stack/test_granted_by.py",
    "observability.collector.resources.memory_limit = null": "refused: the collector counts in it when it is full",
    "network.nat.min_ports = 65536": "refused: max_ports is above it, and ends there",
}
"""Leaves that no random stack has, by the beginning of their path, and why."""


def test_random_stacks_have_every_field_but_those_with_a_reason() -> None:
    missing = sorted(set(leaves.possible(Settings)) - drawn())
    assert [leaf for leaf in missing if not leaf.startswith(tuple(NEVER))] == []
    assert all(any(leaf.startswith(path) for leaf in missing) for path in NEVER)
