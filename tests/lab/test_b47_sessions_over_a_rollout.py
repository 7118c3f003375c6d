"""B47: sessions over a whole rollout: none goes astray, and those of the old version end with it."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.rollout import CanaryConfig, ClaimAudience, ExperimentSpec, PinSpec
from lab.workloads.request import send
from tests.lab.mcp_sessions import (
    CONNECTIONS,
    INITIALIZE,
    Session,
    astray,
    follow_up,
    follow_ups,
    open_sessions,
    opened,
)
from tests.lab.rolling_out import deploy, steps
from tests.lab.running_lab import eventually, fails
from tests.lab.test_b17_canary_split import binomial_interval

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

SESSIONS = 500
NO_ANSWER = 0


def test_each_of_500_sessions_stays_from_5_to_100_and_ends_with_its_version(lab: RunningLab, tmp_path: Path) -> None:
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    *moved, ended = steps(lab)
    sessions: list[Session] = []
    begun: list[Counter[str]] = []
    try:
        with replicas(lab, "chatgpt-mcp-v2", 2):
            for step in moved:
                deploy(lab, step, tmp_path)
                new = open_sessions(lab, -(-SESSIONS // len(moved)))
                begun.append(Counter(session.version for session in new))
                sessions += new
                assert not (lost := astray(follow_ups(lab, sessions))), (step, len(lost), lost[:3])
            deploy(lab, ended, tmp_path)
            after = follow_ups(lab, sessions)
    finally:
        deploy(lab, None, tmp_path)
    old, new = rollout.stable, next(iter(begun[-1]))
    assert begun[-1][new] == begun[-1].total(), "all begin at the canary"
    # Drawn once in a rollout, which cannot be drawn again: wider, so that a right mesh passes but once in a million.
    lowest, highest = binomial_interval(begun[1].total(), 0.5, 0.999999)
    assert lowest <= begun[1][new] <= highest, begun
    assert {reply.status for session, reply in after if session.version == old} == {404}
    assert not astray([(session, reply) for session, reply in after if session.version == new])


def without_session_routes(service: dict[str, Any]) -> None:
    http = service["spec"]["http"]
    service["spec"]["http"] = [
        route for route in http if ".session-" not in route["name"] and not route["name"].endswith(".no-session")
    ]


def test_it_is_the_routes_of_the_versions_that_lead_them(lab: RunningLab) -> None:
    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", without_session_routes), fails():
        assert not astray(follow_ups(lab, open_sessions(lab, 20), rounds=5))


def test_a_pod_that_dies_is_404_and_the_client_begins_anew(lab: RunningLab) -> None:
    sessions = open_sessions(lab, 20)
    victim = sessions[0].pod
    lab.objects.delete("Pod", lab.namespace, victim)
    mine = [session for session in sessions if session.pod == victim]
    told: Counter[int] = Counter()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        told.update(reply.status for _, reply in follow_ups(lab, mine))
        time.sleep(0.5)  # All are of one subject, which has a rate limit.
    unanswered = told.pop(NO_ANSWER, 0)
    assert unanswered <= CONNECTIONS, "more than what was under way when the pod was killed"
    assert set(told) <= {200, 404}, told
    assert told[404]
    assert {send(lab.call("initialize", INITIALIZE, token=session.token)).status for session in mine} == {200}
    eventually(lambda: len(lab.mcp_pods()) >= 3, within=60, what="three pods again")


def test_a_forged_id_reaches_nothing_behind_a_pin(lab: RunningLab) -> None:
    sessions = open_sessions(lab, 20)
    at_v2 = next(session for session in sessions if session.version == "v2")
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    pin = PinSpec(header="x-canary-user", allowed="anyone")
    dark = rollout.model_copy(update={"canary": CanaryConfig(version="v2", percent=0, pin=pin), "experiments": {}})
    with lab.declaring_app(rollout=dark):
        assert send(follow_up(lab, at_v2)).status == 404
        assert send(follow_up(lab, at_v2, **{"x-canary-user": "true"})).header("x-served-by") == at_v2.pod


def test_a_forged_id_reaches_nothing_behind_a_claim(lab: RunningLab) -> None:
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    partners = ExperimentSpec(version="v2", claim=ClaimAudience(name="org", values=("acme",)))
    dark = rollout.model_copy(update={"canary": None, "experiments": {"partners": partners}})
    with lab.declaring_app(rollout=dark):
        insider = lab.token(subject="insider", org="acme")
        session = opened(send(lab.call("initialize", INITIALIZE, token=insider)), insider)
        assert session.version == "v2"
        assert send(follow_up(lab, session)).header("x-served-by") == session.pod
        assert send(follow_up(lab, replace(session, token=lab.token(subject="outsider")))).status == 404


@contextlib.contextmanager
def replicas(lab: RunningLab, deployment: str, number: int) -> Iterator[None]:
    """The Deployment with so many ready pods."""

    def edit(manifest: dict[str, Any]) -> None:
        manifest["spec"]["replicas"] = number

    with lab.objects.edited("Deployment", lab.namespace, deployment, edit):
        version = deployment.rpartition("-")[2]
        eventually(lambda: len(lab.mcp_pods(version)) == number, within=60, what=f"{number} pods of {version}")
        time.sleep(5)
        yield
