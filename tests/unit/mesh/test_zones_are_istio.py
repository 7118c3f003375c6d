"""What security, egress, scoping and telemetry write is what Istio's own schemas take, with no field dropped."""

from __future__ import annotations

from types import ModuleType

import pytest

from chatgpt_mesh.mesh.objects import egress, scoping, security, telemetry
from tests.crd_schema import assert_served
from tests.unit.mesh.declared import graph, mistakes

EVERYTHING = {
    "security": """
exceptions:
- {workload: chatgpt-mcp, namespace: chatgpt-production, port: 9090, until: "2027-01-31", why: a, paths: [/metrics],
   from_networks: [10.4.0.0/14]}
- {workload: legacy, namespace: chatgpt-production, port: 9091, mode: disable, until: "2027-01-31", why: b,
   from_networks: [10.4.0.0/14]}
visible_services: {chatgpt-api: [redis.data.svc.cluster.local]}
""",
    "egress": """
allow:
- {host: api.openai.com, from: [chatgpt-mcp]}
- {host: api.openai.com, port: 8443, from: [chatgpt-api]}
- {host: "*.googleapis.com", from: [chatgpt-mcp, chatgpt-frontend]}
- {host: db.example.org, port: 5432, protocol: tcp, from: [chatgpt-api]}
- {host: direct.example.org, via: sidecar, from: [chatgpt-api]}
- host: hooks.example.org
  from: [{namespace: jobs, service_account: batch}]
  originate_tls: {mutual: true, credential: hooks-client, methods: [POST], paths: [/v1/events]}
""",
    "telemetry": """
providers:
  otel: {otlp: {service: otel-collector.observability.svc.cluster.local}}
tracing:
  provider: otel
  tags:
    a: {header: x-chatgpt-model, default: unknown}
    b: {literal: us-central1}
    c: {environment: ISTIO_META_CLUSTER_ID}
    d: {formatter: "%RESPONSE_CODE%"}
access_log: {log: {slower_than: 1s}, filter: "request.method == 'DELETE'"}
metrics: {drop: [request_protocol], tags: {tier: {header: x-user-tier, values: [free, pro]}}}
apps:
  chatgpt-mcp: {tracing: {sampling_percent: 50}, access_log: {enabled: false}, metrics: {}}
""",
}


@pytest.mark.parametrize("concern", [security, egress, scoping, telemetry], ids=lambda module: module.__name__)
def test_every_object_passes_the_schema_of_its_kind(concern: ModuleType) -> None:
    assert mistakes(**EVERYTHING) == []
    objects = [owned.resource.to_dict() for owned in concern.objects(graph(**EVERYTHING))]
    assert objects
    assert_served(*objects)
