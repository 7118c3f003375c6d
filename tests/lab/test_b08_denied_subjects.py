"""B08: a subject that the stack denies is refused although its token is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import send
from tests.lab.running_lab import fails, marked, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

BANNED = "banned-user"


@pytest.fixture(scope="module", autouse=True)
def banned(lab: RunningLab) -> Iterator[str]:
    """A subject that the deployed stack denies; where it denies nobody, the same stack with one denied subject."""
    if lab.auth.deny_subjects:
        yield lab.auth.deny_subjects[0]
        return
    with lab.declaring_app(auth=lab.auth.model_copy(update={"deny_subjects": (BANNED,)})):
        yield BANNED


def check_denied(lab: RunningLab, subject: str) -> None:
    test_id = new_id("denied")
    reply = send(marked(lab.call(token=lab.token(subject=subject)), test_id))
    assert reply.status == 403, str(reply)
    assert not lab.seen(test_id)


def test_a_denied_subject_is_refused_with_a_valid_token(lab: RunningLab, banned: str) -> None:
    check_denied(lab, banned)


def test_another_subject_passes(lab: RunningLab, banned: str) -> None:
    reply = send(lab.call(token=lab.token(subject=f"{banned}-2")))
    assert reply.status == 200, str(reply)


def test_it_is_the_deny_list_that_refuses(lab: RunningLab, banned: str) -> None:
    """The same declaration with nobody on the list."""
    policy = lab.objects.get("AuthorizationPolicy", "istio-ingress", "chatgpt-mcp-edge")

    def nobody(live: dict[str, object]) -> None:
        live["spec"] = {
            **policy["spec"],
            "rules": [rule for rule in policy["spec"]["rules"] if banned not in str(rule)],
        }

    with lab.objects.edited("AuthorizationPolicy", "istio-ingress", "chatgpt-mcp-edge", nobody), fails():
        check_denied(lab, banned)
