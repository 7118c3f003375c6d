"""B08: a subject that the stack denies is refused although its token is valid."""

from __future__ import annotations

from typing import Any

import pytest

from lab.workloads.request import send
from tests.lab.running_lab import RunningLab, fails, marked, new_id


def check_denied(lab: RunningLab) -> None:
    for subject in lab.auth.deny_subjects:
        test_id = new_id("denied")
        reply = send(marked(lab.call(token=lab.token(subject=subject)), test_id))
        assert reply.status == 403, str(reply)
        assert not lab.seen(test_id)


@pytest.fixture(autouse=True)
def declared(lab: RunningLab) -> None:
    if not lab.auth.deny_subjects:
        pytest.skip("this stack denies no subject (auth.deny_subjects)")


def test_a_denied_subject_is_refused_with_a_valid_token(lab: RunningLab) -> None:
    check_denied(lab)


def test_another_subject_passes(lab: RunningLab) -> None:
    reply = send(lab.call(token=lab.token(subject="somebody-else")))
    assert reply.status == 200, str(reply)


def test_it_is_the_deny_rule_that_refuses(lab: RunningLab) -> None:
    def take_out(policy: dict[str, Any]) -> None:
        denied = set(lab.auth.deny_subjects)
        policy["spec"]["rules"] = [
            rule
            for rule in policy["spec"]["rules"]
            if not any(denied & set(condition.get("values", ())) for condition in rule.get("when", ()))
        ]

    with lab.objects.edited("AuthorizationPolicy", "istio-ingress", "chatgpt-mcp-edge", take_out), fails():
        check_denied(lab)
