"""B13: with declared sessions every follow-up reaches the pod that opened the session; weights and sessions exclude
each other."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.request import send, send_kept_alive
from tests.lab.running_lab import eventually, fails

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.workloads.request import Request
    from tests.lab.running_lab import RunningLab

REPLICAS = 3
SESSIONS, FOLLOW_UPS = 10, 20
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "0"},
}


@pytest.fixture(scope="module", autouse=True)
def sessions(lab: RunningLab) -> Iterator[None]:
    """The deployed stack with sessions and without a canary, on three pods that each know only their own sessions."""
    app = lab.stack.apps["chatgpt-mcp"]
    assert app.mcp is not None
    assert app.rollout is not None
    version = app.rollout.stable

    def stateful(deployment: dict[str, Any]) -> None:
        deployment["spec"]["replicas"] = REPLICAS
        (variable,) = [
            one
            for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
            if one["name"] == "MCP_SESSIONS"
        ]
        variable["value"] = "stateful"

    declared = {
        "mcp": app.mcp.model_copy(update={"sessions": "envelope"}),
        "rollout": app.rollout.model_copy(update={"canary": None, "experiments": {}}),
    }
    with lab.objects.edited("Deployment", lab.namespace, f"chatgpt-mcp-{version}", stateful):
        eventually(lambda: _rolled_out(lab, version), within=120, what=f"{REPLICAS} pods that keep sessions")
        with lab.declaring_app(**declared):
            eventually(
                lambda: _known_to_the_gateway(lab, version), within=60, what="the gateway knows the new pods alone"
            )
            yield
    eventually(lambda: _rolled_out(lab, version), within=120, what="the pods as they were")


def _rolled_out(lab: RunningLab, version: str) -> bool:
    deployment = lab.objects.get("Deployment", lab.namespace, f"chatgpt-mcp-{version}")
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    return (
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("updatedReplicas") == status.get("readyReplicas") == status.get("replicas") == wanted
    )


def _known_to_the_gateway(lab: RunningLab, version: str) -> bool:
    gateway = lab.gateway_pods("public")[0]
    known = gateway.host_statistic(f"|{version}|chatgpt-mcp.", "cx_total")
    return set(known) == {f"{pod.ip}:8080" for pod in lab.mcp_pods(version)}


def open_session(lab: RunningLab) -> tuple[str, str]:
    """The session's id as the client holds it, and the pod that opened it."""
    reply = send(lab.call("initialize", INITIALIZE))
    assert reply.status == 200, str(reply)
    session = reply.header("mcp-session-id")
    assert session, "no session was opened"
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    acknowledged = send(replace(follow_up(lab, session), body=json.dumps(initialized)))
    assert acknowledged.status == 202, str(acknowledged)
    return session, reply.header("x-served-by")


def follow_up(lab: RunningLab, session: str) -> Request:
    return lab.call("ping", headers={"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"})


def check_follow_ups(lab: RunningLab) -> None:
    opened = [open_session(lab) for _ in range(SESSIONS)]
    assert len({pod for _, pod in opened}) > 1, "all sessions are on one pod: nothing is shown"
    requests = [(follow_up(lab, session), pod) for session, pod in opened for _ in range(FOLLOW_UPS)]
    replies = send_kept_alive([request for request, _ in requests], connections=4)
    assert Counter(reply.error or reply.status for reply in replies) == {200: SESSIONS * FOLLOW_UPS}
    assert [reply.header("x-served-by") for reply in replies] == [pod for _, pod in requests]


def test_two_hundred_follow_ups_reach_the_pods_that_opened_the_sessions(lab: RunningLab) -> None:
    check_follow_ups(lab)


def test_it_is_the_envelope_that_leads_back(lab: RunningLab) -> None:
    filters = [name for name in lab.objects.names("EnvoyFilter", "istio-ingress") if "session" in name]
    assert filters
    with lab.objects.without("EnvoyFilter", "istio-ingress", *filters), fails():
        check_follow_ups(lab)


def test_a_weighted_canary_with_sessions_stops_the_program(lab: RunningLab, tmp_path: Path) -> None:
    canary = {"version": "v2", "percent": 5}
    app = {"mcp": {"sessions": "envelope"}, "rollout": {"canary": canary}}
    done = lab.pulumi("preview", stack_file=lab.stack_with({"apps": {"chatgpt-mcp": app}}, tmp_path))
    assert done.returncode != 0, done.stdout
    assert "apps.chatgpt-mcp.rollout.canary.percent" in done.stdout
