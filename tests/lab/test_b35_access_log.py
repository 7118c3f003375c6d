"""B35: an error and a slow request are logged, a fast answer is not; one JSON object per line, and no secret in it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.telemetry import LogSelectionSpec
from lab.workloads.request import Reply, Request
from tests.lab import mesh_config
from tests.lab.canaries import found_in, send_canaries
from tests.lab.running_lab import Pod, RunningLab, eventually, fails, new_id

SLOW = timedelta(seconds=1)
WRITTEN_WITHIN = 6.0
"""Seconds. A proxy of Istio's writes what it has every second."""


@pytest.fixture(scope="module", autouse=True)
def selecting(lab: RunningLab) -> Iterator[None]:
    """The deployed declaration, with a second as slow and one free filter."""
    telemetry = lab.stack.telemetry
    log = telemetry.access_log.model_copy(
        update={"log": LogSelectionSpec(errors=True, slower_than=SLOW), "filter": "request.method == 'OPTIONS'"}
    )
    changed = telemetry.model_copy(update={"access_log": log})
    with lab.declaring(lab.stack.model_copy(update={"telemetry": changed})):
        yield


def log_of(lab: RunningLab, pod: Pod) -> str:
    """What a proxy has written in the last minutes."""
    return lab.core.read_namespaced_pod_log(pod.name, pod.namespace, container="istio-proxy", since_seconds=120)


def proxies(lab: RunningLab) -> list[Pod]:
    """Of the gateway, the MCP app and the API."""
    return [*lab.gateway_pods("public"), *lab.mcp_pods(), lab.pod(lab.namespace, "chatgpt-api")]


def lines(lab: RunningLab, pods: list[Pod], mark: str) -> list[dict[str, Any]]:
    """The lines about requests with this mark: each is a JSON object, or this fails."""
    return [json.loads(line) for pod in pods for line in log_of(lab, pod).splitlines() if mark in line]


def wait_for_line(lab: RunningLab, pods: list[Pod], mark: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = lines(lab, pods, mark)
        return bool(found)

    eventually(there, within=WRITTEN_WITHIN, what=f"a line about {mark}")
    return found


def send(lab: RunningLab, request: Request) -> Reply:
    return lab.public.send(request.url, method=request.method, headers=request.headers, body=request.body, timeout=20)


def marked(mark: str) -> dict[str, str]:
    return {"x-chatgpt-model": mark}


def check_selection(lab: RunningLab) -> dict[str, list[dict[str, Any]]]:
    """Lines of the gateway and the MCP app by what was asked."""
    marks = {what: new_id(what) for what in ("fast", "slow", "filtered", "error")}
    assert send(lab, lab.call(headers=marked(marks["fast"]))).status == 200
    slow = lab.call(tool="stream", arguments={"seconds": SLOW.total_seconds() + 0.3}, headers=marked(marks["slow"]))
    assert send(lab, slow).status == 200
    preflight = {"origin": "https://chatgpt.com", "access-control-request-method": "POST", **marked(marks["filtered"])}
    assert send(lab, lab.public.request(lab.mcp_url, method="OPTIONS", headers=preflight)).status == 200
    assert send(lab, lab.call(url=f"https://{lab.host}/nowhere", headers=marked(marks["error"]))).status == 404
    gateway = lab.gateway_pods("public")
    # Lines are written in the order in which requests end: after the last one, the first would be there.
    wait_for_line(lab, gateway, marks["error"])
    pods = [*gateway, *lab.mcp_pods()]
    # The app has seen it too, so its sidecar writes as well, in its own time.
    eventually(lambda: len(lines(lab, pods, marks["slow"])) == 2, within=WRITTEN_WITHIN, what="two lines: slow")
    found = {what: lines(lab, pods, mark) for what, mark in marks.items()}
    assert {what for what, written in found.items() if written} == {"slow", "filtered", "error"}, found
    return found


def test_what_is_declared_is_logged_and_nothing_else(lab: RunningLab) -> None:
    found = check_selection(lab)
    assert all(line["duration_ms"] >= SLOW.total_seconds() * 1000 for line in found["slow"])
    assert [line["response_code"] for line in found["error"]] == [404]
    assert [line["method"] for line in found["filtered"]] == ["OPTIONS"]
    for line in (line for written in found.values() for line in written):
        assert line.keys() == lab.stack.telemetry.access_log_fields.keys()
        assert line["authority"] == lab.host


def test_it_is_the_filter_that_leaves_the_fast_one_out(lab: RunningLab) -> None:
    def everything(telemetry: dict[str, Any]) -> None:
        del telemetry["spec"]["accessLogging"][0]["filter"]

    with lab.objects.edited("Telemetry", "istio-system", "mesh-default", everything), fails():
        check_selection(lab)


def refused_call(lab: RunningLab, mark: str, *, session: str, protocol: str) -> dict[str, Any]:
    """The gateway's line about a call of a guarded tool without its scope."""
    headers = {**marked(mark), "mcp-session-id": session, "mcp-protocol-version": protocol}
    call = lab.call(tool="execute_sql", token=lab.token(scopes=["mcp"]), headers=headers)
    assert send(lab, call).status == 403
    (line,) = wait_for_line(lab, lab.gateway_pods("public"), mark)
    return line


def test_a_line_says_which_tool_and_which_session_and_not_its_id(lab: RunningLab) -> None:
    session, other = new_id("session"), new_id("session")
    first = refused_call(lab, new_id("call"), session=session, protocol="2025-11-25")
    assert (first["mcp_method"], first["mcp_tool"]) == ("tools/call", "execute_sql")
    assert first["mcp_protocol_version"] == "2025-11-25"
    assert session not in json.dumps(first)
    again = refused_call(lab, new_id("call"), session=session, protocol="2025-11-25")
    another = refused_call(lab, new_id("call"), session=other, protocol="'; drop table")
    assert again["mcp_session"] == first["mcp_session"] != another["mcp_session"]
    assert len(first["mcp_session"]) == len("01234567")
    assert another["mcp_protocol_version"] is None, "only what has the form of a version"


def check_no_canary(lab: RunningLab) -> None:
    mark = new_id("canaries")
    canaries = send_canaries(lab, mark)
    # Of those that fail.
    wait_for_line(lab, lab.gateway_pods("public"), mark)
    last = new_id("last")
    assert send(lab, lab.call(url=f"https://{lab.host}/nowhere", headers=marked(last))).status == 404
    wait_for_line(lab, lab.gateway_pods("public"), last)
    for pod in proxies(lab):
        written = log_of(lab, pod)
        assert found_in(written, canaries) == [], f"in the log of {pod.name}"
        assert found_in(pod.envoy("/stats/prometheus"), canaries) == [], f"in the metrics of {pod.name}"


def test_no_log_and_no_metric_has_a_token_a_cookie_a_query_or_what_is_in_a_body(lab: RunningLab) -> None:
    check_no_canary(lab)


def test_a_field_that_records_a_credential_would_be_found(lab: RunningLab) -> None:
    def record(mesh: dict[str, Any]) -> None:
        mesh_config.provider(mesh, "json-log")["envoyFileAccessLog"]["logFormat"]["labels"]["wrong"] = "%REQ(COOKIE)%"

    def recorded() -> bool:
        mark = new_id("error")
        send(lab, lab.call(url=f"https://{lab.host}/nowhere", headers={**marked(mark), "cookie": "a=b"}))
        return "wrong" in wait_for_line(lab, lab.gateway_pods("public"), mark)[0]

    with contextlib.ExitStack() as stack:
        stack.enter_context(mesh_config.edited(lab, record))
        eventually(recorded, within=15, what="the field that is not declared")
        with fails():
            check_no_canary(lab)
