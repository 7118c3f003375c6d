"""B19: who takes part in an experiment is decided by a verified claim or the gateway, not by what a client writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.rollout import ClaimAudience, ExperimentSpec
from lab.pki import edge_authority
from lab.workloads import tokens
from lab.workloads.request import send_kept_alive
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, fails

REQUESTS = 40
CLAIM, STAFF = "team", "staff"


@pytest.fixture
def versions(lab: RunningLab) -> tuple[str, str]:
    """The version that everybody gets, and the one on trial."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    assert rollout.canary is not None
    return rollout.stable, rollout.canary.version


def experiment(lab: RunningLab, **audience: Any) -> dict[str, Any]:
    """The app with one experiment, in which the whole audience takes part, and no canary beside it."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    assert rollout.canary is not None
    trial = ExperimentSpec(version=rollout.canary.version, percent=100, **audience)
    canary = rollout.canary.model_copy(update={"percent": 0})
    return {"rollout": rollout.model_copy(update={"canary": canary, "experiments": {"trial": trial}})}


def served(lab: RunningLab, *, team: str | None = None, headers: Mapping[str, str] | None = None) -> Counter[str]:
    """Which versions answer whoever has a token with this claim and sends these headers."""
    claims: dict[str, Any] = {} if team is None else {CLAIM: team}
    request = lab.call("ping", token=lab.token(**claims), headers=headers)
    replies = send_kept_alive([request] * REQUESTS, connections=4)
    assert {reply.status for reply in replies} == {200}, Counter(map(str, replies)).most_common(3)
    return Counter(reply.header("x-app-version") for reply in replies)


def test_a_verified_claim_decides(lab: RunningLab, versions: tuple[str, str]) -> None:
    stable, trial = versions
    written = {CLAIM: STAFF, f"x-{CLAIM}": STAFF, "x-mcp-sub": STAFF, "x-jwt-payload": STAFF}
    with lab.declaring_app(**experiment(lab, claim=ClaimAudience(name=CLAIM, values=(STAFF,)))):
        assert served(lab, team=STAFF) == {trial: REQUESTS}
        assert served(lab) == {stable: REQUESTS}
        assert served(lab, team=f"{STAFF}2") == {stable: REQUESTS}
        assert served(lab, headers=written) == {stable: REQUESTS}


def test_a_token_with_the_claim_that_does_not_verify_takes_part_in_nothing(lab: RunningLab) -> None:
    with lab.declaring_app(**experiment(lab, claim=ClaimAudience(name=CLAIM, values=(STAFF,)))):
        forged = lab.token(tokens.Sort.FOREIGN_KEY, **{CLAIM: STAFF})
        assert lab.public.send(lab.mcp_url, method="POST", headers={"authorization": f"Bearer {forged}"}).status == 401


def test_the_gateway_decides(lab: RunningLab, versions: tuple[str, str]) -> None:
    stable, trial = versions
    (host,) = [one.host for one in lab.stack.apps["chatgpt-mcp"].further_hosts if one.gateway == "internal"]
    certificate, key = edge_authority(lab.state.pki).issue(
        "client-of-tests", "client.example.com", names=["client.example.com"]
    )
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    inside = lab.gateway("internal").request(
        f"https://{host}/mcp",
        method="POST",
        headers={**JSON_RPC_HEADERS, "authorization": f"Bearer {lab.token(audience=f'https://{host}/mcp')}"},
        body=body,
        client_certificate=str(certificate),
        client_key=str(key),
    )
    with lab.declaring_app(**experiment(lab, gateway="internal")):
        replies = send_kept_alive([inside] * REQUESTS, connections=4)
        assert Counter((reply.status, reply.header("x-app-version")) for reply in replies) == {(200, trial): REQUESTS}
        assert served(lab, headers={"x-gateway": "internal", "x-forwarded-host": host}) == {stable: REQUESTS}


def test_without_the_experiment_the_claim_leads_nowhere(lab: RunningLab, versions: tuple[str, str]) -> None:
    with lab.declaring_app(**experiment(lab, gateway="internal")), fails():
        assert served(lab, team=STAFF) == {versions[1]: REQUESTS}
