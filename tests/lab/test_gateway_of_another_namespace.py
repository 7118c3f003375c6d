"""A Gateway of another namespace opens nothing at this mesh's edge, though it has the labels of its pods.

Whoever may write one anywhere could otherwise add hosts there; and two for the same host, as there are for a moment
where a gateway moves to another namespace, have Envoy refuse every update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.workloads.request import send
from tests.lab.running_lab import fails
from tests.lab.test_b01_redirect_and_unknown_hosts import UNKNOWN
from tests.lab.test_b46_refused_updates import refused_counts

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab


def further_host(namespace: str) -> dict[str, Any]:
    """A server of plain HTTP for a host that the mesh does not have."""
    port = {"number": 80, "name": "http-strange", "protocol": "HTTP"}
    return {"port": port, "hosts": [f"{namespace}/{UNKNOWN}"]}


def second_server(lab: RunningLab, namespace: str) -> dict[str, Any]:
    """A server for hosts that the mesh has; istiod takes them for others, those of another namespace's routes."""
    live = lab.objects.get("Gateway", lab.stack.gateways["public"].home, "public")["spec"]
    server = next(one for one in live["servers"] if one["port"]["protocol"] == "HTTPS")
    hosts = [f"{namespace}/{host.rpartition('/')[2]}" for host in server["hosts"]]
    return {**server, "hosts": hosts, "port": {**server["port"], "name": "https-strange"}}


def gateway(lab: RunningLab, namespace: str, *servers: dict[str, Any]) -> dict[str, Any]:
    selector = lab.objects.get("Gateway", lab.stack.gateways["public"].home, "public")["spec"]["selector"]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "strange", "namespace": namespace},
        "spec": {"selector": selector, "servers": list(servers)},
    }


def route(namespace: str) -> dict[str, Any]:
    """An answer of the gateway's own to whoever asks for that host."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "strange", "namespace": namespace},
        "spec": {"hosts": [UNKNOWN], "gateways": ["strange"], "http": [{"directResponse": {"status": 200}}]},
    }


def check_edge(lab: RunningLab) -> None:
    assert send(lab.call("ping")).status == 200
    assert lab.public.send(f"http://{UNKNOWN}/mcp").status == 404


def test_it_opens_nothing_and_no_proxy_refuses_anything(lab: RunningLab) -> None:
    before, there = refused_counts(lab), lab.namespace
    with lab.objects.with_added(gateway(lab, there, further_host(there), second_server(lab, there)), route(there)):
        check_edge(lab)
        assert refused_counts(lab) == before


def test_in_the_gateways_own_namespace_it_would(lab: RunningLab) -> None:
    home = lab.stack.gateways["public"].home
    with lab.objects.with_added(gateway(lab, home, further_host(home)), route(home)), fails():
        check_edge(lab)
