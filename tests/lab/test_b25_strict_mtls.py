"""B25: no port of the mesh answers plaintext; metrics are scraped as declared."""

from __future__ import annotations

from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from lab.workloads.request import Request
from tests.lab.running_lab import Pod, RunningLab, fails

APP_PORTS = (8080, 9090)
MERGED_METRICS_PORT = 15020
"""pilot-agent's, outside the sidecar's redirection: https://istio.io/latest/docs/ops/integrations/prometheus/"""


def plaintext_caller(lab: RunningLab) -> Pod:
    return lab.pod("outside-mesh", "plain")


def check_plaintext_is_refused(lab: RunningLab) -> None:
    targets = [*lab.mcp_pods(), *lab.pods(lab.namespace, "app=chatgpt-api")]
    assert targets
    requests = [
        Request(url=f"http://{lab.host}{path}", address=pod.ip, port=port, timeout=5)
        for pod in targets
        for port in APP_PORTS
        for path in ("/health", "/metrics", "/mcp")
    ]
    replies = plaintext_caller(lab).send(*requests, parallel=8)
    answered = [
        (request.address, request.port, str(reply))
        for request, reply in zip(requests, replies, strict=True)
        if reply.status
    ]
    assert not answered, answered


def test_plaintext_is_refused_on_every_port(lab: RunningLab) -> None:
    check_plaintext_is_refused(lab)


def test_the_service_is_no_way_around(lab: RunningLab) -> None:
    (reply,) = plaintext_caller(lab).send(Request(url=f"http://chatgpt-mcp.{lab.namespace}:8080/health", timeout=5))
    assert reply.status == 0, str(reply)


def test_metrics_are_scraped_through_the_agent(lab: RunningLab) -> None:
    """The agent's port gives the application's and Envoy's metrics, and nothing else."""
    pod = lab.mcp_pods()[0]
    scrape, other = plaintext_caller(lab).send(
        Request(url=f"http://{pod.ip}:{MERGED_METRICS_PORT}/stats/prometheus"),
        Request(url=f"http://{pod.ip}:{MERGED_METRICS_PORT}/mcp"),
    )
    assert scrape.status == 200, str(scrape)
    assert "http_requests_total" in scrape.body
    assert "envoy_" in scrape.body
    assert other.status == 404, str(other)


def test_it_is_strict_mtls_that_refuses(lab: RunningLab) -> None:
    with lab.objects.without("PeerAuthentication", ROOT_NAMESPACE, "default"), fails():
        check_plaintext_is_refused(lab)
