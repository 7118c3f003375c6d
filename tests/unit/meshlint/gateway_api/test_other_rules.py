"""Rules about Istio's own kinds know what Gateway API and ambient mode change for them."""

from __future__ import annotations

from datetime import date

import pytest

import meshlint
from meshlint.reachability.answer import answer
from meshlint.reachability.request import Request
from meshlint.view.kubernetes import selects
from tests.unit.meshlint.gateway_api.meshes import AMBIENT, EDGE, SERVICE, mesh, objects

pytestmark = pytest.mark.unit


def codes(*parts: str) -> set[str]:
    return {found.code for found in meshlint.run(objects(*parts), today=date(2026, 12, 1)).findings}


def policy(spec: str, namespace: str = "edge") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: one, namespace: {namespace}}}
spec: {spec}
"""


AT_GATEWAY = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: public}]"
POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: edge}
spec: {template: {metadata: {labels: {app: other}}, spec: {serviceAccountName: other}}}
"""


def test_a_selector_of_the_pods_that_istio_runs_selects_something() -> None:
    selecting = "{selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: NAME}}}"
    assert "MCP324" not in codes(EDGE, POD, policy(selecting.replace("NAME", "public")))
    assert "MCP324" in codes(EDGE, POD, policy(selecting.replace("NAME", "publik")))


def test_the_account_of_a_gateway_that_istio_runs_is_somebodys() -> None:
    rules = "{selector: {matchLabels: {app: other}}, rules: [{from: [{source: {serviceAccounts: [edge/NAME]}}]}]}"
    assert "MCP307" not in codes(EDGE, POD, policy(rules.replace("NAME", "public-istio")))
    assert "MCP307" in codes(EDGE, POD, policy(rules.replace("NAME", "public")))


def test_a_policy_at_a_gateway_is_no_default_deny_of_its_namespace() -> None:
    assert "MCP320" in codes(
        EDGE, POD, policy(f"{{{AT_GATEWAY}, rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]}}")
    )


def test_deny_hits_tcp_where_a_listener_has_tcp() -> None:
    deny = policy(f"{{{AT_GATEWAY}, action: DENY, rules: [{{to: [{{operation: {{paths: [/admin]}}}}]}}]}}")
    assert "MCP319" not in codes(EDGE, deny)
    assert "MCP319" in codes(
        EDGE.replace("{name: http, port: 80, protocol: HTTP", "{name: tcp, port: 80, protocol: TCP"), deny
    )


def test_a_host_of_a_listener_is_one_that_the_mesh_serves() -> None:
    outward = mesh(EDGE).serves_some_of("mcp.example.com"), mesh(EDGE).serves_some_of("mcp.example.org")
    assert outward == (True, False)


def test_a_route_by_the_path_of_mcp_makes_its_backend_an_mcp_server() -> None:
    assert "tools.apps.svc.cluster.local" in mesh(EDGE.replace("name: mcp, port", "name: tools, port")).mcp_hosts


def test_a_ztunnel_is_not_advised_to_look_at_paths() -> None:
    rules = "{selector: {matchLabels: {app: mcp}}, rules: [{from: [{source: {serviceAccounts: [apps/waypoint]}}]}]}"
    assert "MCP337" not in codes(AMBIENT, policy(rules, "apps"))
    assert "MCP337" in codes(AMBIENT.replace("dataplane-mode: ambient", "other: label"), policy(rules, "apps"))


def test_the_order_of_rules_in_a_file_does_not_hide_the_path_of_mcp() -> None:
    everything = "- matches: [{path: {value: /}}]\n    backendRefs: [{name: other, port: 80}]"
    rules = f"{everything}\n  - matches: [{{path: {{value: /mcp}}}}]"
    slow = EDGE.replace("- matches: [{path: {value: /mcp}}]", f"{rules}\n    timeouts: {{request: 30s}}", 1)
    assert "MCP919" in codes(slow)
    assert "MCP919" not in codes(slow.replace("request: 30s", "request: 0s"))


def test_a_route_for_one_port_of_a_service_leaves_the_others_alone() -> None:
    route = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: port, namespace: apps}
spec:
  parentRefs: [{group: "", kind: Service, name: mcp, port: 8080}]
  rules: [{backendRefs: [{name: other, port: 80}]}]
"""
    seen = mesh(EDGE, route)
    assert (
        answer(seen, Request("web/frontend", SERVICE, "/", "GET", 8080)).destination == "other.apps.svc.cluster.local"
    )
    assert answer(seen, Request("web/frontend", SERVICE, "/", "GET", 9090)).destination == SERVICE


def test_pods_of_gateways_and_those_with_a_sidecar_are_not_in_ambient_mode() -> None:
    seen = mesh(AMBIENT)
    assert seen.is_ambient("apps", {"app": "mcp"})
    assert not seen.is_ambient("apps", {"app": "mcp", "istio.io/dataplane-mode": "none"})
    assert not seen.is_ambient("apps", {"app": "mcp", "sidecar.istio.io/inject": "true"})
    assert not seen.is_ambient("apps", {"gateway.networking.k8s.io/gateway-name": "waypoint"})
    assert not mesh(AMBIENT.replace("mode: ambient}", "mode: ambient, istio-injection: enabled}")).is_ambient(
        "apps", {}
    )
    assert seen.is_ambient("elsewhere", {"istio.io/dataplane-mode": "ambient"})


def test_a_listener_of_a_listener_set_is_at_the_pods_of_its_gateway() -> None:
    listener_set = """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: edge}
spec:
  parentRef: {name: public}
  listeners: [{name: plain, port: 8080, protocol: HTTP}]
"""
    joined = [found for found in mesh(EDGE, listener_set).programmed_gateways if "~plain" in found.key]
    assert joined == [], "a Gateway lets none in unless it says so"
    allowed = EDGE.replace(
        "gatewayClassName: istio", "gatewayClassName: istio\n  allowedListeners: {namespaces: {from: Same}}"
    )
    (joined_one,) = [found for found in mesh(allowed, listener_set).programmed_gateways if "~plain" in found.key]
    assert selects(joined_one.selector, {"gateway.networking.k8s.io/gateway-name": "public", **joined_one.selector})
    assert joined_one.is_on("edge", joined_one.selector)
    assert not joined_one.is_on("apps", joined_one.selector)
