"""B21: a fault for who asks for it, inside the mesh, where the stack allows it; for a client outside never."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.faults import FaultSpec
from lab.workloads.request import Reply, Request, send
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, fails

pytestmark = pytest.mark.timing("a declared delay is measured with a tolerance")

HEADER = FaultSpec.model_fields["header"].default
PING = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
GUESSES = [
    (HEADER, "abort"),
    (HEADER, "delay"),
    (HEADER, "true"),
    ("x-chaos-test", "true"),
    ("x-envoy-fault-abort-request", "503"),
]


def declared_faults(lab: RunningLab) -> tuple[FaultSpec, ...]:
    return tuple(lab.stack.apps["chatgpt-mcp"].faults)


def from_the_mesh(lab: RunningLab, header: str, value: str) -> Reply:
    request = Request(
        url=f"http://chatgpt-mcp.{lab.namespace}:8080/mcp",
        method="POST",
        headers={**JSON_RPC_HEADERS, header: value},
        body=PING,
    )
    (reply,) = lab.pod(lab.namespace, "chatgpt-frontend").send(request)
    return reply


def check_no_fault(reply: Reply) -> None:
    assert reply.status == 200, str(reply)
    assert reply.seconds < 2, reply.seconds


def check_faults(lab: RunningLab) -> None:
    for fault in declared_faults(lab):
        reply = from_the_mesh(lab, fault.header, fault.value)
        if fault.abort is not None:
            assert reply.status == fault.abort, str(reply)
        if fault.delay is not None:
            assert reply.seconds >= fault.delay.total_seconds(), reply.seconds


def test_faults_strike_who_asks_where_they_are_declared_and_nobody_elsewhere(lab: RunningLab) -> None:
    check_faults(lab)
    declared = {(fault.header, fault.value) for fault in declared_faults(lab)}
    for header, value in GUESSES:
        if (header, value) not in declared:
            check_no_fault(from_the_mesh(lab, header, value))


def check_outside(lab: RunningLab) -> None:
    asked = [(fault.header, fault.value) for fault in declared_faults(lab)]
    for header, value in [*asked, *GUESSES]:
        check_no_fault(send(lab.call("ping", headers={header: value})))


def test_a_client_outside_gets_none(lab: RunningLab) -> None:
    check_outside(lab)


def test_it_is_the_declaration_that_decides(lab: RunningLab) -> None:
    """Taken out where faults are declared, put in where they are not: either is noticed."""

    def change(service: dict[str, Any]) -> None:
        routes = service["spec"]["http"]
        if declared_faults(lab):
            service["spec"]["http"] = [route for route in routes if "fault" not in route]
        else:
            header, value = GUESSES[0]
            fault = {"abort": {"httpStatus": 500, "percentage": {"value": 100}}}
            match = [{"headers": {header: {"exact": value}}}]
            service["spec"]["http"] = [{**routes[-1], "name": "fault", "match": match, "fault": fault}, *routes]

    def check(lab: RunningLab) -> None:
        if declared_faults(lab):
            check_faults(lab)
        else:
            check_no_fault(from_the_mesh(lab, *GUESSES[0]))

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp-mesh", change), fails():
        check(lab)


def test_a_fault_route_at_the_edge_would_be_noticed(lab: RunningLab) -> None:
    def strike(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            if route["name"].endswith(".mcp"):
                route["match"] = [
                    {**match, "headers": {**match["headers"], HEADER: {"exact": "abort"}}} for match in route["match"]
                ]
                route["fault"] = {"abort": {"httpStatus": 500, "percentage": {"value": 100}}}

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", strike), fails():
        check_outside(lab)
