"""A finding's mend, taken at its word, mends: no finding is left of it, and Istio would take the object.

Whether Istio does is asked of Istio itself in tests/lab/test_lint_quality.py.
"""

from __future__ import annotations

from typing import Any

import pytest

import meshlint
from meshlint.rule_page import EXAMPLE_DAY
from tests.unit.meshlint.mends import Mended, mended

pytestmark = pytest.mark.unit

FOLLOWS = {"MCP122": {"MCP108"}}
"""What else is said of an example once it is mended: its route reaches an MCP server now."""

MENDED = list(mended())


def test_many_mends_can_be_read_by_a_machine() -> None:
    assert len(MENDED) >= 40
    assert len({one.code for one in MENDED}) >= 40


@pytest.mark.parametrize("one", MENDED, ids=lambda one: f"{one.code}-{one.said[:30]}")
def test_a_mend_that_is_applied_leaves_nothing_to_say(one: Mended) -> None:
    found = meshlint.run(one.objects, today=EXAMPLE_DAY).findings
    left = [finding for finding in found if (finding.code, finding.path) == (one.code, one.path)]
    assert not [finding for finding in left if finding.index == one.changed], one.said
    new = [finding for finding in found if (finding.code, finding.path) not in one.before]
    assert {finding.code for finding in new} <= FOLLOWS.get(one.code, set()), [finding.message for finding in new]


def virtual_service(route: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}], **route}]},
    }


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"abort": {"httpStatus": 500, "percentage": {"value": 1}}}, "remove spec.http[0].fault,"),
        (
            {
                "abort": {"httpStatus": 500, "percentage": {"value": 1}},
                "delay": {"fixedDelay": "1s", "percentage": {"value": 1}},
            },
            "remove it,",
        ),
    ],
)
def test_what_would_be_left_empty_is_removed_with_it(fault: dict[str, Any], said: str) -> None:
    """Istio refuses `fault: {}`."""
    found = meshlint.run([virtual_service({"fault": fault})], today=EXAMPLE_DAY).findings
    assert all(said in finding.message for finding in found if finding.code == "MCP119")
    assert "MCP119" in {finding.code for finding in found}
