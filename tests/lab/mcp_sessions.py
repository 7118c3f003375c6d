"""Sessions of the legacy era, one request at a time, and where each was answered."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.workloads.request import Connection, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.running_lab import RunningLab

PROTOCOL = "2025-06-18"
INITIALIZE = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
CONNECTIONS = 4
_PER_SUBJECT = 20
"""Sessions of one subject: far below its rate limit."""
_SUBJECTS = itertools.count()


@dataclass(frozen=True, slots=True)
class Session:
    """An open session, and the pod that opened it."""

    id: str
    pod: str
    version: str
    token: str


def opened(reply: Reply, token: str) -> Session:
    assert reply.status == 200, str(reply)
    return Session(reply.header("mcp-session-id"), reply.header("x-served-by"), reply.header("x-app-version"), token)


def open_sessions(lab: RunningLab, number: int) -> list[Session]:
    """So many sessions, opened over several connections."""

    def share(tokens: Sequence[str]) -> list[Session]:
        with Connection() as connection:
            return [
                opened(connection.send(lab.call("initialize", INITIALIZE, token=token)), token)
                for token in tokens
                for _ in range(_PER_SUBJECT)
            ]

    tokens = [lab.token(subject=f"session-{next(_SUBJECTS)}") for _ in range(-(-number // _PER_SUBJECT))]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        found = pool.map(share, [tokens[one::CONNECTIONS] for one in range(CONNECTIONS)])
    return list(itertools.chain.from_iterable(found))[:number]


def follow_up(lab: RunningLab, session: Session, **headers: str) -> Request:
    sent = {"mcp-session-id": session.id, "mcp-protocol-version": PROTOCOL, **headers}
    return lab.call("ping", token=session.token, headers=sent)


def follow_ups(lab: RunningLab, sessions: Sequence[Session], rounds: int = 1) -> list[tuple[Session, Reply]]:
    """Each session goes on, over connections on which others do as well."""
    asked = [session for _ in range(rounds) for session in sessions]

    def share(mine: Sequence[Session]) -> list[tuple[Session, Reply]]:
        with Connection() as connection:
            return [(session, connection.send(follow_up(lab, session))) for session in mine]

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        found = pool.map(share, [asked[one::CONNECTIONS] for one in range(CONNECTIONS)])
    return list(itertools.chain.from_iterable(found))


def astray(replies: Sequence[tuple[Session, Reply]]) -> list[str]:
    """What did not go on where it began."""
    return [
        f"{session.id} of {session.pod}: {reply} from {reply.header('x-served-by') or 'no pod'}"
        for session, reply in replies
        if (reply.status, reply.header("x-served-by")) != (200, session.pod)
    ]
