"""B31: an app reaches a host that it may reach, and does so through the egress gateway."""

from __future__ import annotations

from typing import Any

from lab.workloads.internet import SITES
from lab.workloads.request import Reply, Request
from tests.lab.running_lab import Pod, RunningLab, fails

CA_IN_THE_IMAGE = "/etc/ssl/certs/ca-certificates.crt"
HOST = "api.openai.com"


def ask(pod: Pod, host: str, *, address: str | None = None, sni: str | None = None, verify: bool = True) -> Reply:
    """TLS from inside a pod to a host outside the mesh, verified against the system's authorities."""
    (reply,) = pod.send(
        Request(
            url=f"https://{host}/v1/models",
            address=address,
            sni=sni,
            ca_file=CA_IN_THE_IMAGE if verify else None,
            timeout=5,
        )
    )
    return reply


def check_through_the_gateway(lab: RunningLab) -> None:
    reply = ask(lab.mcp_pods()[0], HOST)
    assert reply.status == 200, str(reply)
    arrived = reply.json()
    assert (arrived["site"], arrived["sni"]) == (SITES["openai"].names[0], HOST)
    gateways = {pod.ip for pod in lab.gateway_pods("egress")}
    assert arrived["peer"] in gateways, f"it came from {arrived['peer']}, not from the egress gateway {gateways}"


def test_an_allowed_host_is_reached_through_the_egress_gateway(lab: RunningLab) -> None:
    check_through_the_gateway(lab)


def test_the_gateway_counts_the_connection(lab: RunningLab) -> None:
    gateway = lab.gateway_pods("egress")[0]
    before = sum(gateway.host_statistic(HOST, "cx_total").values())
    assert ask(lab.mcp_pods()[0], HOST).status == 200
    assert sum(gateway.host_statistic(HOST, "cx_total").values()) > before


def test_the_certificate_is_verified_end_to_end(lab: RunningLab) -> None:
    """The gateway passes TLS through: what the app sees is the host's own certificate."""
    assert HOST in ask(lab.mcp_pods()[0], HOST).certificate_names


def test_it_is_the_route_that_leads_through_the_gateway(lab: RunningLab) -> None:
    """Without it the app would reach the host by itself, past the gateway."""
    routes = [
        name
        for name in lab.objects.names("VirtualService", "istio-egress")
        if _leads_from_the_mesh(lab.objects.get("VirtualService", "istio-egress", name))
    ]
    with lab.objects.without("VirtualService", "istio-egress", *routes), fails():
        check_through_the_gateway(lab)


def _leads_from_the_mesh(service: dict[str, Any]) -> bool:
    return HOST in service["spec"]["hosts"] and "mesh" in service["spec"].get("gateways", ["mesh"])
