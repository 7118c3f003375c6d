"""What is asked about a canary, and by which numbers it is good. A real promtool takes every question."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt_mesh.components.alerts import groups
from chatgpt_mesh.components.canary_queries import FAILING, SLOW, CanaryQueries
from chatgpt_mesh.components.specs.observability import AlertsSpec
from chatgpt_mesh.rollout.answers import Answer, Decision, Observation, decision, remaining
from tests.unit.components.promtool import promtool
from tests.unit.mesh.stack import mesh
from tests.unit.rollout.canary import STEPS, VERSIONS, World, app, guards

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

OWN = (
    "{percents: [5], guards: {errors: "
    '{query: \'sum(increase(tool_errors{version="$version", host="$service"}[$window]))\', at_most: 3}}}'
)


def asked(steps: str = STEPS) -> list[str]:
    world = World()
    guards(steps=steps).observe(world.ask, 600)
    return world.asked


def test_without_a_guard_of_ones_own_the_alerts_questions_are_asked():
    """Nobody writes PromQL for them, and an alert and a rollout do not disagree."""
    built = mesh(f"{{{VERSIONS}, rollout: {{stable: v1, canary: {{version: v2, percent: 50}}}}}}")
    alerts = [
        rule["expr"]
        for group in groups(AlertsSpec.model_validate({"namespace": "observability"}), built, ())
        for rule in group["rules"]
        if rule.get("alert", "").startswith("Canary")
    ]
    assert len(alerts) == 2
    for query in asked():
        assert any(query.replace("600s", "10m") in expression for expression in alerts), query


def test_a_guard_of_ones_own_is_told_version_service_and_window():
    service = "chatgpt-mcp.chatgpt-production.svc.cluster.local"
    assert f'sum(increase(tool_errors{{version="v2", host="{service}"}}[600s]))' in asked(OWN)


def test_what_no_pod_answered_is_held_against_the_canary():
    """Its pods may all be gone, and what has no version would be nobody's."""
    versions = "versions: {v1: {}, v2: {}, v3: {labels: {version: '3.0'}}}"
    queries = CanaryQueries.of(app(5, versions=versions), "60s")
    assert queries is not None
    assert 'destination_version!~"3[.]0|v1"' in queries.requests(queries.canary)
    assert 'destination_version="v1"' in queries.failing(queries.stable)


def test_promtool_takes_every_question(tmp_path: Path):
    rules = [{"record": f"asked:{number}", "expr": query} for number, query in enumerate(asked(OWN))]
    assert len(rules) > 5
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool(), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("stable", "bound"), [(None, 0.01), (0.0, 0.01), (0.004, 0.01), (0.2, 0.4)], ids=["none", "0", "below", "above"]
)
def test_a_canary_may_fail_twice_as_often_as_stable_and_one_percent_in_any_case(stable: float | None, bound: float):
    assert FAILING.bound(stable) == bound


def test_a_canary_may_be_half_as_slow_again_and_250_ms_in_any_case():
    assert (SLOW.bound(None), SLOW.bound(100), SLOW.bound(1000)) == (250, 250, 1500)


@given(number=st.floats(allow_nan=False), low=st.floats(-10, 10), high=st.floats(-10, 10))
def test_a_number_is_a_breach_exactly_when_it_is_beyond_a_bound(number: float, low: float, high: float):
    answer = Answer(guard="g", number=number, at_least=low, at_most=high)
    assert (answer.breach is None) == (low <= number <= high)


def test_no_number_is_no_breach():
    assert Answer(guard="g", number=None, at_most=0, at_least=0).breach is None


@given(requests=st.floats(0, 1e6), least=st.integers(1, 1000), bad=st.booleans())
def test_nothing_is_decided_by_few_requests(requests: float, least: int, bad: bool):
    seen = Observation(requests, [Answer(guard="g", number=float(bad), at_most=0.5)])
    expected = Decision.UNKNOWN if requests < least else Decision.BACK if bad else Decision.GOOD
    assert decision(seen, least) is expected


@given(percents=st.lists(st.integers(1, 100), min_size=1, unique=True).map(sorted), declared=st.integers(0, 100))
def test_what_remains_rises_from_the_declared_share_to_the_last(percents: list[int], declared: int):
    ahead = remaining(percents, declared)
    assert list(ahead) == sorted(set(ahead))
    assert all(percent >= declared for percent in ahead)
    assert ahead[-1:] == (max(percents[-1], declared),)
    assert 0 not in ahead
