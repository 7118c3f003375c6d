"""What is too long for one object of a gateway stands in several, and does there what it does in one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.mesh.objects import parts
from lab.workloads.tokens import Sort
from tests.benchmarks.data_path.declarations import crowded, whole
from tests.lab.running_lab import fails, manifests
from tests.lab.test_b07_invalid_tokens import check_refused
from tests.lab.test_b14_guarded_tools import TOOL, check_guarded
from tests.lab.test_b15_rate_limit_per_subject import check_limited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

LIMITED = "EnvoyFilter/istio-ingress/public-rate-limits"
ANSWERS = "EnvoyFilter/istio-ingress/public-http"
CALLS = "TrafficExtension/istio-ingress/public-calls"
APP = "chatgpt-mcp"


@pytest.fixture(scope="module")
def places(lab: RunningLab) -> Iterator[dict[str, list[str]]]:
    """The mesh with each answer, each limit and what is known of each host in an object of its own, and others in front
    of those of the MCP app; the names of the objects in which these are."""
    stack = crowded(whole(lab.stack), 2)
    before = manifests(lab.stack)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "LARGEST", 1)
        after = manifests(stack)
    host = str(stack.apps[APP].host)
    written = {LIMITED: _in_repr(re.escape(host)), ANSWERS: _in_repr(re.escape(host)), CALLS: _in_repr(f'"{host}"')}
    found: dict[str, list[str]] = {}
    for name, pattern in written.items():
        parts_of = [key for key in after if key == name or key.startswith(f"{name}-")]
        found[name] = [key.rpartition("/")[2] for key in parts_of if pattern in repr(after[key])]
        assert found[name]
        assert name.rpartition("/")[2] not in found[name], "the first object is not what is looked at"
    new = {key: one for key, one in after.items() if key not in before}
    # What moves to another object is in both meanwhile, and no proxy refuses it: that would end a deploy.
    with lab.objects.with_added(*new.values()), lab.objects.replaced({**before, **new}, after):
        yield found


def _in_repr(text: str) -> str:
    return repr(text)[1:-1]


def test_a_limit_that_is_added_to_the_filter_limits(lab: RunningLab, places: dict[str, list[str]]) -> None:
    limit = lab.stack.apps[APP].rate_limit
    if limit is None or limit.per != "subject":
        pytest.skip("this stack limits nobody by subject (rate_limit.per)")
    check_limited(lab, limit)
    with lab.objects.without("EnvoyFilter", "istio-ingress", *places[LIMITED]), fails():
        check_limited(lab, limit)


def test_a_challenge_that_is_added_to_the_answers_is_given(lab: RunningLab, places: dict[str, list[str]]) -> None:
    check_refused(lab, Sort.EXPIRED)
    with lab.objects.without("EnvoyFilter", "istio-ingress", *places[ANSWERS]), fails():
        check_refused(lab, Sort.EXPIRED)


def test_a_call_that_another_script_reads_needs_its_scope(lab: RunningLab, places: dict[str, list[str]]) -> None:
    if TOOL not in lab.auth.tools:
        pytest.skip(f"this stack does not guard {TOOL} (auth.tools)")
    check_guarded(lab)
    with lab.objects.without("TrafficExtension", "istio-ingress", *places[CALLS]), fails():
        check_guarded(lab)
