"""An app is open to its gateways and its callers, each for its own hosts, paths and methods, and to nobody else."""

from __future__ import annotations

from tests.unit.mesh.stack import GATEWAYS, manifest, mesh

CALLERS = "AuthorizationPolicy/chatgpt-production/chatgpt-mcp-callers"
FRONTEND = "{frontend: {namespace: chatgpt-production}}"


def rules(app: str = "{}", others: str = "{}", key: str = CALLERS):
    return manifest(mesh(app, others), key)["rules"]


def test_the_gateway_may_call_by_the_public_host_alone():
    """An app that answered to any Host would be a way around the rules of the other hosts."""
    [rule] = rules()
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/istio-ingress/sa/istio-ingressgateway"]}}]
    assert rule["to"] == [
        {
            "operation": {
                "hosts": ["chatgpt-mcp.example.com", "chatgpt-mcp.example.com:*"],
                "methods": ["GET", "POST", "DELETE"],
                "paths": ["/mcp"],
                "ports": ["8080"],
            }
        }
    ]


def test_a_caller_may_call_by_the_services_names_alone():
    rule = rules("{callers: [{app: frontend, paths: [/mcp], methods: [POST]}]}", FRONTEND)[1]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/chatgpt-production/sa/frontend"]}}]
    operation = rule["to"][0]["operation"]
    assert operation["methods"] == ["POST"]
    assert "chatgpt-mcp.chatgpt-production.svc.cluster.local:*" in operation["hosts"]
    assert "chatgpt-mcp.example.com" not in operation["hosts"]


def test_a_caller_of_another_team_is_taken_at_its_word():
    rule = rules("{callers: [{service_account: batch, namespace: jobs}]}")[1]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/jobs/sa/batch"]}}]


def test_the_principal_follows_the_trust_domain():
    [rule] = manifest(mesh(trust_domain="acme.example"), CALLERS)["rules"]
    assert rule["from"][0]["source"]["principals"] == ["acme.example/ns/istio-ingress/sa/istio-ingressgateway"]


def test_the_policy_names_the_containers_port():
    [rule] = rules("{service: {port: 80, target_port: 9000}}")
    assert rule["to"][0]["operation"]["ports"] == ["9000"]


def test_a_route_to_another_app_opens_that_app_for_this_host_and_path():
    api = "{api: {namespace: chatgpt-production, service: {port: 8080}}}"
    built = mesh("{routes: [{prefix: /api/v1/, rewrite: /v1/, methods: [GET], to: {app: api}}]}", api)
    [rule] = manifest(built, "AuthorizationPolicy/chatgpt-production/api-callers")["rules"]
    operation = rule["to"][0]["operation"]
    assert (operation["paths"], operation["methods"]) == (["/v1/*"], ["GET"])
    assert operation["hosts"] == ["chatgpt-mcp.example.com", "chatgpt-mcp.example.com:*"]
    assert manifest(built, CALLERS)["rules"][0]["to"][0]["operation"]["paths"] == ["/mcp"]


def test_an_app_reachable_by_a_prefix_refuses_escaped_slashes():
    value = manifest(mesh("{routes: [{prefix: /api/}]}"), "EnvoyFilter/chatgpt-production/chatgpt-mcp-paths")
    patch = value["configPatches"][0]
    assert patch["match"]["context"] == "SIDECAR_INBOUND"
    assert patch["patch"]["value"]["typed_config"]["path_with_escaped_slashes_action"] == "REJECT_REQUEST"


def test_an_app_that_nobody_calls_has_no_allow():
    built = mesh(others="{alone: {namespace: other, service: {port: 1}}}")
    assert not [o for o in built.objects if o.resource.key == "AuthorizationPolicy/other/alone-callers"]


def test_a_tcp_listener_opens_the_port_of_its_app_to_the_gateway_alone():
    gateways = GATEWAYS.replace(
        "{https: {hosts: [inside",
        """{pg: {port: 5432, protocol: TCP,
      destination: {host: pg.data.svc.cluster.local, port: 5432}}, https: {hosts: [inside""",
    )
    built = mesh(others="{pg: {namespace: data, service: {port: 5432}}}", gateways=gateways)
    [rule] = manifest(built, "AuthorizationPolicy/data/pg-callers")["rules"]
    assert rule == {
        "from": [{"source": {"principals": ["cluster.local/ns/istio-internal/sa/istio-internalgateway"]}}],
        "to": [{"operation": {"ports": ["5432"]}}],
    }


def test_the_graph_knows_what_each_app_calls():
    built = mesh("{callers: [{app: frontend, paths: [/mcp]}]}", FRONTEND)
    assert built.graph.apps_called_by == {"chatgpt-mcp": (), "frontend": ("chatgpt-mcp",)}
