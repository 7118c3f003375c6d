"""Where a gateway is reached, in both forms in which Pulumi hands over its Service."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_kubernetes.core.v1.outputs import LoadBalancerIngress, LoadBalancerStatus, ServiceSpec, ServiceStatus

from chatgpt_mesh.components.gateways import reached_at

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("spec", "status", "address"),
    [
        ({"clusterIP": "10.0.0.7"}, {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}, "203.0.113.7"),
        ({"clusterIP": "10.0.0.7"}, {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}, "lb.example.com"),
        ({"clusterIP": "10.0.0.7"}, {"loadBalancer": {}}, "10.0.0.7"),
        ({"clusterIP": "10.0.0.7"}, None, "10.0.0.7"),
        (None, None, None),
        (
            ServiceSpec(cluster_ip="10.0.0.7"),
            ServiceStatus(load_balancer=LoadBalancerStatus(ingress=[LoadBalancerIngress(ip="203.0.113.7")])),
            "203.0.113.7",
        ),
        (ServiceSpec(cluster_ip="10.0.0.7"), ServiceStatus(), "10.0.0.7"),
    ],
)
def test_address(spec: Any, status: Any, address: str | None) -> None:
    assert reached_at(spec, status) == address
