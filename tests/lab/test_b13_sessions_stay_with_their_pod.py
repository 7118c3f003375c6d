"""B13: what follows in a session is answered by the pod that opened it, over whichever connection it comes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import Request, send
from tests.lab.mcp_sessions import INITIALIZE, PROTOCOL, astray, follow_up, follow_ups, open_sessions
from tests.lab.running_lab import JSON_RPC_HEADERS, fails

if TYPE_CHECKING:
    from tests.lab.mcp_sessions import Session
    from tests.lab.running_lab import RunningLab

SESSIONS, ROUNDS = 40, 5


def check_sessions(lab: RunningLab) -> None:
    sessions = open_sessions(lab, SESSIONS)
    assert len({session.pod for session in sessions}) >= 3, Counter(session.pod for session in sessions)
    assert not (lost := astray(follow_ups(lab, sessions, ROUNDS))), (len(lost), lost[:3])


def test_two_hundred_follow_ups_reach_the_pods_of_their_sessions(lab: RunningLab) -> None:
    check_sessions(lab)


def test_it_is_the_script_at_the_gateway_that_leads_them(lab: RunningLab) -> None:
    gateway = lab.stack.gateways["public"]
    with lab.objects.without("TrafficExtension", gateway.home, f"{gateway.name}-sessions"), fails():
        check_sessions(lab)


def test_the_server_gets_its_own_id_and_the_client_nothing_but_the_id(lab: RunningLab) -> None:
    [session] = open_sessions(lab, 1)
    reply = send(follow_up(lab, session))
    assert "x-mcp-session-at" not in reply.headers
    called = replace(follow_up(lab, session), body=lab.call(token=session.token).body)
    assert session.id.partition("~")[0] in send(called).body


@pytest.fixture(scope="module")
def session(lab: RunningLab) -> Session:
    return open_sessions(lab, 1)[0]


FORGED = {
    "the server's own id": "{own}",
    "an undeclared version": "{own}~v9~{pod}",
    "another version": "{own}~{other}~{pod}",
    "an address without a pod": "{own}~{version}~10.255.255.1:8080",
    "another port of the pod": "{own}~{version}~{ip}:9090",
    "an address outside": "{own}~{version}~169.254.169.254:80",
    "no address": "{own}~{version}~junk",
    "no version": "{own}~~{pod}",
    "another session": "x{own}~{version}~{pod}",
    "two ids": "{own}~{version}~{pod},{own}~{other}~{pod}",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_id_is_404_and_finds_nothing(lab: RunningLab, session: Session, forged: str) -> None:
    own, version, pod = session.id.rsplit("~", 2)
    other = "v1" if version == "v2" else "v2"
    id_ = FORGED[forged].format(own=own, version=version, pod=pod, other=other, ip=pod.partition(":")[0])
    assert send(follow_up(lab, replace(session, id=id_))).status == 404


def test_so_it_is_for_callers_in_the_mesh(lab: RunningLab) -> None:
    """The scripts of their sidecars, since no gateway is between them and the pods."""
    caller = lab.pod(lab.namespace, "chatgpt-frontend")
    asked = Request(
        url=f"http://chatgpt-mcp.{lab.namespace}:8080/mcp",
        method="POST",
        headers=JSON_RPC_HEADERS,
        body=lab.call("initialize", INITIALIZE, token="").body,
    )
    opened = caller.send(*[asked] * 12)
    assert {reply.status for reply in opened} == {200}
    assert len({reply.header("x-served-by") for reply in opened}) >= 2
    ping = lab.call("ping", token="").body
    for reply in opened:
        headers = {**JSON_RPC_HEADERS, "mcp-session-id": reply.header("mcp-session-id")}
        headers["mcp-protocol-version"] = PROTOCOL
        for again in caller.send(*[replace(asked, headers=headers, body=ping)] * 4):
            assert (again.status, again.header("x-served-by")) == (200, reply.header("x-served-by"))
