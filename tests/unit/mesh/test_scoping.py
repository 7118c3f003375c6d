"""Each sidecar knows what its app calls, and nothing else."""

from __future__ import annotations

from typing import Any

from chatgpt_mesh.mesh.objects import scoping
from chatgpt_mesh.mesh.specs.mesh import problems
from tests.unit.mesh.declared import TODAY, by_key, declaration, graph, owners, sentences

EGRESS = """
allow:
- {host: api.openai.com, from: [chatgpt-mcp]}
- {host: hooks.example.org, from: [{namespace: jobs, service_account: batch}]}
"""
OTEL = "providers: {otel: {otlp: {service: otel-collector.observability.svc.cluster.local}}}"
DNS = "kube-system/kube-dns.kube-system.svc.cluster.local"
MCP = "chatgpt-production/chatgpt-mcp.chatgpt-production.svc.cluster.local"
API = "chatgpt-production/chatgpt-api.chatgpt-production.svc.cluster.local"
GATEWAY = "istio-egress/istio-egressgateway.istio-egress.svc.cluster.local"


def sidecars(**sections: str) -> dict[str, dict[str, Any]]:
    return by_key(scoping.objects(graph(**sections)))


def hosts(sidecar: dict[str, Any]) -> set[str]:
    (listener,) = sidecar["egress"]
    return set(listener["hosts"])


def test_an_app_sees_the_apps_that_list_it_as_a_caller() -> None:
    found = sidecars()
    assert hosts(found["Sidecar/chatgpt-frontend/chatgpt-frontend"]) == {MCP, DNS}
    assert hosts(found["Sidecar/chatgpt-production/chatgpt-mcp"]) == {API, DNS}


def test_an_app_that_calls_nothing_sees_nothing_but_dns() -> None:
    assert hosts(sidecars()["Sidecar/chatgpt-production/chatgpt-api"]) == {DNS}


def test_the_sidecar_is_that_of_the_apps_pods_alone() -> None:
    assert sidecars()["Sidecar/chatgpt-production/chatgpt-mcp"]["workloadSelector"] == {
        "labels": {"app": "chatgpt-mcp"}
    }


def test_an_app_sees_its_egress_hosts_and_the_gateway_on_their_way() -> None:
    found = sidecars(egress=EGRESS)
    assert hosts(found["Sidecar/chatgpt-production/chatgpt-mcp"]) == {API, DNS, GATEWAY, "istio-egress/api.openai.com"}
    assert GATEWAY not in hosts(found["Sidecar/chatgpt-production/chatgpt-api"])


def test_an_app_sees_further_services_that_it_declares() -> None:
    found = sidecars(security="visible_services: {chatgpt-api: [redis.data.svc.cluster.local]}")
    assert hosts(found["Sidecar/chatgpt-production/chatgpt-api"]) == {"data/redis.data.svc.cluster.local", DNS}


def test_everybody_sees_the_backend_of_traces() -> None:
    for sidecar in sidecars(telemetry=OTEL).values():
        assert "observability/otel-collector.observability.svc.cluster.local" in hosts(sidecar)


def test_other_workloads_see_their_own_namespace() -> None:
    default = sidecars(apps="{a: {namespace: n}}")["Sidecar/istio-system/default"]
    assert hosts(default) == {"./*", DNS}
    assert "workloadSelector" not in default


def test_callers_of_other_stacks_see_what_lists_them() -> None:
    assert MCP in hosts(sidecars()["Sidecar/istio-system/default"])
    assert "istio-egress/hooks.example.org" in hosts(sidecars(egress=EGRESS)["Sidecar/istio-system/default"])


def test_other_callers_in_a_namespace_of_this_stack_see_what_lists_them_there_only() -> None:
    apps = """
a: {namespace: one, service: {port: 80}, callers: [{service_account: script, namespace: two}]}
b: {namespace: two}
"""
    found = sidecars(apps=apps)
    assert hosts(found["Sidecar/two/default"]) == {"./*", "one/a.one.svc.cluster.local", DNS}
    assert hosts(found["Sidecar/istio-system/default"]) == {"./*", DNS}
    assert "Sidecar/one/default" not in found


def test_what_is_not_known_is_blocked_whatever_the_mesh_says() -> None:
    for sidecar in sidecars(egress=EGRESS).values():
        assert sidecar["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}


def test_the_owner_is_the_app() -> None:
    found = owners(scoping.objects(graph()))
    assert found["Sidecar/chatgpt-production/chatgpt-mcp"] == "apps.chatgpt-mcp"


def test_a_further_service_is_one_of_the_cluster_and_its_app_is_declared() -> None:
    declared = declaration(
        security="visible_services: {nobody: [redis.data.svc.cluster.local], chatgpt-api: [redis.example.org]}"
    )
    assert sentences(problems(declared, TODAY)) == [
        "security.visible_services.nobody: is no app of this stack (apps: chatgpt-api, chatgpt-frontend, chatgpt-mcp) "
        "(given: 'nobody')",
        "security.visible_services.chatgpt-api.0: must be the full name of a service of the cluster, such as "
        "redis.data.svc.cluster.local; hosts outside it belong to egress.allow (given: 'redis.example.org')",
    ]
