"""Questions as requests, and whether the mesh did what the checker says of it."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.pki import edge_authority
from lab.workloads import request as wire
from meshlint.reachability.answer import answer
from meshlint.reachability.request import Outcome
from tests.lab.random_mesh.one_node import CLIENT_NAME
from tests.lab.random_mesh.questions import Edges, Question, Sender, questions
from tests.lab.running_lab import marked, new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.workloads.request import Reply
    from meshlint.reachability.request import Answer
    from meshlint.view.mesh import MeshView
    from tests.lab.random_mesh.deployed import Deployed
    from tests.lab.running_lab import Pod, RunningLab

_BATCH = 25
_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Met:
    """What became of a request: the reply, and the apps that received it."""

    reply: Reply
    arrived: frozenset[str]

    def __str__(self) -> str:
        where = f"arrived at {', '.join(sorted(self.arrived))}" if self.arrived else "did not arrive"
        return f"{self.reply}, {where}"


@dataclass(frozen=True, slots=True)
class Compared:
    """All questions of one stack, with how many the checker says are let in."""

    asked: int
    allowed: int
    asked_again: int
    disagreements: list[str]

    @property
    def refused(self) -> int:
        return self.asked - self.allowed


def edges(lab: RunningLab) -> Edges:
    certificate, key = edge_authority(lab.state.pki).issue("client-of-tests", CLIENT_NAME, names=[CLIENT_NAME])
    gateways = {name: lab.gateway(name).address for name, one in lab.stack.gateways.items() if one.kind != "egress"}
    return Edges(gateways, (str(certificate), str(key)))


def asked_of(deployed: Deployed) -> list[Question]:
    """The questions of the stack's number."""
    return questions(deployed.stack, edges(deployed.lab), deployed.lab.keys, deployed.seed)


def compare(deployed: Deployed, judged: MeshView | None = None) -> Compared:
    """Ask the questions of the stack's number. `judged` are other objects to predict from than those that are live.

    What did not arrive and should have, or was refused in another way than predicted, is asked once more: a machine
    that stalls answers 503. What arrived and should not have is final, so that no second try hides an open door.
    """
    mesh = judged or deployed.view
    asked = asked_of(deployed)
    predicted = [answer(mesh, question.asked) for question in asked]
    met = ask(deployed, asked)
    doubtful = [
        index
        for index, (said, one) in enumerate(zip(predicted, met, strict=True))
        if not agrees(deployed, said, one) and not _open_door(deployed, said, one)
    ]
    for index, again in zip(doubtful, ask(deployed, [asked[index] for index in doubtful]), strict=True):
        met[index] = again
    wrong = [
        f"{question}: said {said}; met {one}"
        for question, said, one in zip(asked, predicted, met, strict=True)
        if not agrees(deployed, said, one)
    ]
    allowed = sum(said.outcome is Outcome.ALLOWED for said in predicted)
    return Compared(len(asked), allowed, len(doubtful), wrong)


def agrees(deployed: Deployed, said: Answer, met: Met) -> bool:
    """Whether it arrived at the app that was named and nowhere else, or the mesh answered itself as was said."""
    return met.arrived == _receivers(deployed, said) and met.reply.status == said.status


def _open_door(deployed: Deployed, said: Answer, met: Met) -> bool:
    return bool(met.arrived - _receivers(deployed, said))


def _receivers(deployed: Deployed, said: Answer) -> frozenset[str]:
    if said.outcome is not Outcome.ALLOWED or not said.destination:
        return frozenset()
    apps = deployed.stack.apps.values()
    return frozenset(app.name for app in apps if app.service and app.service_host == said.destination)


def ask(deployed: Deployed, asked: Sequence[Question]) -> list[Met]:
    """Send every question from where it comes, and see at which apps they arrive."""
    marks = [new_id("random") for _ in asked]
    by_sender: dict[Sender | None, list[int]] = defaultdict(list)
    for index, question in enumerate(asked):
        by_sender[question.sender].append(index)

    def sent(sender: Sender | None) -> dict[int, Reply]:
        mine = by_sender[sender]
        requests = [marked(asked[index].sent, marks[index]) for index in mine]
        return dict(zip(mine, _send(deployed.lab, sender, requests), strict=True))

    replies: dict[int, Reply] = {}
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(sent, by_sender):
            replies |= found
        arrivals = dict(zip(deployed.app_pods, pool.map(_marks_at, deployed.app_pods.values()), strict=True))
    return [Met(replies[index], _arrived(mark, arrivals)) for index, mark in enumerate(marks)]


def _send(lab: RunningLab, sender: Sender | None, requests: list[wire.Request]) -> list[Reply]:
    if sender is None:
        return wire.send_all(requests, parallel=_PARALLEL)
    pod = lab.pod(sender.namespace, sender.label)
    replies: list[Reply] = []
    for start in range(0, len(requests), _BATCH):
        replies += pod.send(*requests[start : start + _BATCH], parallel=_PARALLEL)
    return replies


def _marks_at(pods: Sequence[Pod]) -> frozenset[str]:
    return frozenset(seen["test_id"] for pod in pods for seen in pod.seen(""))


def _arrived(mark: str, arrivals: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset(app for app, marks in arrivals.items() if mark in marks)
