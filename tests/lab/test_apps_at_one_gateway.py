"""What two apps of the package bring to one gateway adds up: it does no harm there twice, and does its work alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from lab.workloads.request import send
from lab.workloads.tokens import Sort
from tests.lab.running_lab import fails
from tests.lab.test_b07_invalid_tokens import check_refused
from tests.lab.test_b13_sessions_stay_with_their_pod import check_sessions
from tests.lab.test_request_size import LIMIT, of_size

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

PARTS = {
    ("RequestAuthentication", "tokens"),
    ("EnvoyFilter", "http"),
    ("TrafficExtension", "calls"),
    ("TrafficExtension", "sessions"),
}
"""What an app adds to its gateway: `chatgpt_mesh.package.app`. In the program each is there once, for all apps."""


def brought(lab: RunningLab, app: str, **changes: Any) -> list[dict[str, Any]]:
    """The gateway's parts under the names that an app of the package gives them."""
    gateway = lab.stack.gateways["public"]
    stack = lab.with_app(**changes)
    found: list[dict[str, Any]] = []
    for owned in Mesh(stack, dates.today()).objects:
        manifest = owned.resource.to_dict()
        name: str = manifest["metadata"]["name"]
        part = manifest["kind"], name.removeprefix(f"{gateway.name}-")
        if owned.owner == gateway.declared_at and part in PARTS:
            found.append({**manifest, "metadata": {**manifest["metadata"], "name": f"{app}-{name}"}})
    assert len(found) == len(PARTS)
    return found


def check_edge(lab: RunningLab) -> None:
    assert send(lab.call("ping")).status == 200
    for sort in (Sort.EXPIRED, Sort.FOREIGN_KEY):
        check_refused(lab, sort)
    check_sessions(lab)


def test_they_are_there_twice_and_then_alone(lab: RunningLab) -> None:
    gateway = lab.stack.gateways["public"]
    with lab.objects.with_added(*brought(lab, "weather")):
        check_edge(lab)
        with lab.objects.without("TrafficExtension", gateway.home, f"{gateway.name}-sessions"):
            check_edge(lab)
        with lab.objects.without("RequestAuthentication", gateway.home, f"{gateway.name}-tokens"):
            check_edge(lab)
    with lab.objects.without("TrafficExtension", gateway.home, f"{gateway.name}-sessions"), fails():
        check_edge(lab)


def test_a_body_is_held_by_two_filters_as_by_one(lab: RunningLab) -> None:
    with (
        lab.declaring_app(max_request_body="4Ki"),
        lab.objects.with_added(*brought(lab, "weather", max_request_body="4Ki")),
    ):
        for chunked in (False, True):
            assert send(of_size(lab, LIMIT, chunked=chunked)).status == 200
            assert send(of_size(lab, LIMIT + 1, chunked=chunked)).status == 413
