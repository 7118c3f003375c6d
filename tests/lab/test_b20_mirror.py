"""B20: only declared safe requests are mirrored; answers come from the primary; a tool call never is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.routes import MirrorSpec, RouteSpec
from lab.workloads.request import send
from tests.lab.running_lab import RunningLab, fails, marked, new_id

pytestmark = pytest.mark.timing("copies are counted a fixed time after the requests")

REQUESTS = 100
# a mirrored request is sent beside the answer and may arrive after it
SETTLE_SECONDS = 1.0


@pytest.fixture(scope="module", autouse=True)
def mirrored(lab: RunningLab) -> Iterator[RouteSpec]:
    """A mirrored route of the deployed stack; where it mirrors nothing, the same stack with one route mirrored."""
    app = lab.stack.apps["chatgpt-mcp"]
    declared = [route for route in app.routes if route.mirror is not None]
    if declared:
        yield declared[0]
        return
    route = RouteSpec(exact="/health", auth="none", mirror=MirrorSpec(version="v2", percent=50))
    others = tuple(one for one in app.routes if one.exact != route.exact)
    with lab.declaring_app(routes=(*others, route)):
        yield route


def copies(lab: RunningLab, route: RouteSpec) -> Counter[str]:
    """Requests that pods received beyond those that they answered, by version."""
    test_id = new_id("mirror")
    path = route.exact or f"{route.prefix}orders"
    request = lab.public.request(f"https://{lab.host}{path}", headers={"authorization": f"Bearer {lab.token()}"})
    replies = [send(marked(request, test_id)) for _ in range(REQUESTS)]
    assert {reply.status for reply in replies} == {200}, str(replies[0])
    time.sleep(SETTLE_SECONDS)
    received = Counter(
        {version: _received(lab, version, test_id) for version in lab.stack.apps["chatgpt-mcp"].versions}
    )
    return received - Counter(reply.header("x-app-version") for reply in replies)


def _received(lab: RunningLab, version: str, test_id: str) -> int:
    return sum(len(pod.seen(test_id)) for pod in lab.mcp_pods(version))


def check_mirrored(lab: RunningLab, route: RouteSpec) -> None:
    assert route.mirror is not None
    found = copies(lab, route)
    assert set(found) == {route.mirror.version}, found
    expected = REQUESTS * route.mirror.percent / 100
    assert expected / 4 <= found[route.mirror.version] <= REQUESTS, (found, expected)


def test_declared_requests_are_mirrored_and_answered_once(lab: RunningLab, mirrored: RouteSpec) -> None:
    check_mirrored(lab, mirrored)


def check_calls_are_not_mirrored(lab: RunningLab) -> None:
    calls = [new_id("call") for _ in range(REQUESTS)]
    for call_id in calls:
        assert send(lab.call(arguments={"call_id": call_id})).status == 200
    time.sleep(SETTLE_SECONDS)
    assert [lab.executions(call_id) for call_id in calls] == [1] * REQUESTS


def test_a_tool_call_is_never_mirrored(lab: RunningLab) -> None:
    check_calls_are_not_mirrored(lab)


def test_it_is_the_mirror_that_copies(lab: RunningLab, mirrored: RouteSpec) -> None:
    def take_out(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            for field in ("mirror", "mirrors", "mirrorPercentage"):
                route.pop(field, None)

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out), fails():
        check_mirrored(lab, mirrored)


def test_a_mirrored_tool_call_would_be_noticed(lab: RunningLab) -> None:
    def mirror_all(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            if "route" in route:
                route.pop("mirror", None)
                route.pop("mirrorPercentage", None)
                destination = route["route"][-1]["destination"]
                route["mirrors"] = [{"destination": destination, "percentage": {"value": 100}}]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", mirror_all), fails():
        check_calls_are_not_mirrored(lab)
