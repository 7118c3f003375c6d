"""B45: a changed rule is in force at every proxy in 5 s; an issuer without keys is named before it can delay one."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.network import NODE_ADDRESS
from lab.workloads.request import send
from tests.lab.running_lab import fails, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

SECONDS = 5.0
EDGE = ("AuthorizationPolicy", "istio-ingress", "chatgpt-mcp-edge")
TOKENS = ("RequestAuthentication", "istio-ingress", "public-tokens")


@pytest.fixture
def silent() -> Iterator[str]:
    """Where connections are taken, and nothing is ever said."""
    with socket.create_server((NODE_ADDRESS, 0)) as server:
        yield f"https://{NODE_ADDRESS}:{server.getsockname()[1]}/keys"


def check_in_force(lab: RunningLab) -> None:
    subject = new_id("denied")
    call = lab.call("ping", token=lab.token(subject=subject))
    assert send(call).status == 200

    def deny(policy: dict[str, Any]) -> None:
        [rule] = [one for one in policy["spec"]["rules"] if "notValues" in one["when"][0]]
        when = [{"key": "request.auth.claims[sub]", "values": [subject]}]
        policy["spec"]["rules"].append({**rule, "when": when})

    began = time.monotonic()
    with lab.objects.edited(*EDGE, deny):
        assert time.monotonic() - began < SECONDS
        assert send(call).status == 403


def test_a_changed_rule_is_in_force_at_every_proxy_within_seconds(lab: RunningLab) -> None:
    check_in_force(lab)


def test_an_issuer_without_keys_is_named_before_anything_is_changed(
    lab: RunningLab, silent: str, tmp_path: Path
) -> None:
    issuers = [
        *({"issuer": one.issuer, "jwks": one.jwks} for one in lab.auth.issuers),
        {"issuer": "https://silent.example.com", "jwks_uri": silent},
    ]
    app = {"auth": {"issuers": issuers, "deny_subjects": ["somebody-else"]}}
    declared = {"apps": {"chatgpt-mcp": app}, "security": {"unanswered_key_sets": "stop"}}
    before = [lab.objects.get(*one)["spec"] for one in (EDGE, TOKENS)]
    done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=lab.stack_with(declared, tmp_path))
    assert done.returncode != 0
    assert "apps.chatgpt-mcp.auth.issuers.2.jwks_uri: does not answer" in done.stdout
    assert [lab.objects.get(*one)["spec"] for one in (EDGE, TOKENS)] == before


def test_with_such_an_issuer_in_the_mesh_a_rule_takes_longer(lab: RunningLab, silent: str) -> None:
    """What the check keeps away."""

    def add(tokens: dict[str, Any]) -> None:
        tokens["spec"]["jwtRules"].append({"issuer": "https://silent.example.com", "jwksUri": silent})

    with lab.objects.edited(*TOKENS, add), fails():
        check_in_force(lab)
