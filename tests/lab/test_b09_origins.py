"""B09: a browser's request from an origin that is not on the list is refused; without an origin it is no browser's."""

from __future__ import annotations

from lab.workloads.request import send
from tests.lab.running_lab import RunningLab, fails, marked, new_id

FOREIGN = (
    "https://evil.example",
    "https://chatgpt.com.evil.example",
    "http://chatgpt.com",
    "https://chatgpt.com:8443",
    "null",
)


def allowed_origins(lab: RunningLab) -> tuple[str, ...]:
    cors = lab.stack.apps["chatgpt-mcp"].cors
    assert cors is not None
    return tuple(cors.origins)


def check_foreign_origins(lab: RunningLab) -> None:
    for origin in FOREIGN:
        test_id = new_id("origin")
        reply = send(marked(lab.call(headers={"origin": origin}), test_id))
        assert reply.status == 403, f"{origin}: {reply}"
        assert not lab.seen(test_id)


def test_a_foreign_origin_is_refused(lab: RunningLab) -> None:
    check_foreign_origins(lab)


def test_a_listed_origin_passes(lab: RunningLab) -> None:
    for origin in allowed_origins(lab):
        reply = send(lab.call(headers={"origin": origin}))
        assert reply.status == 200, f"{origin}: {reply}"
        assert reply.header("access-control-allow-origin") == origin


def test_no_origin_passes(lab: RunningLab) -> None:
    assert send(lab.call()).status == 200


def test_it_is_the_deny_rule_that_refuses(lab: RunningLab) -> None:
    with lab.objects.without("AuthorizationPolicy", "istio-ingress", "chatgpt-mcp-edge"), fails():
        check_foreign_origins(lab)
