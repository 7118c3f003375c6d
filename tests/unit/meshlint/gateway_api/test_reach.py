"""Who gets what at a gateway of Gateway API: by the rules of the specification, and Istio's policies."""

from __future__ import annotations

import pytest

from meshlint.reachability.answer import answer
from meshlint.reachability.identities import edges
from meshlint.reachability.matrix import Axes, hosts_of, requests, rows
from meshlint.reachability.request import INTERNET, Answer, Outcome, Request, Token
from meshlint.view.mesh import MeshView
from tests.unit.meshlint.gateway_api.meshes import EDGE, HOST, SERVICE, mesh

pytestmark = pytest.mark.unit


def ask(
    seen: MeshView, path: str = "/mcp", method: str = "POST", port: int = 443, token: Token | None = None
) -> Answer:
    return answer(seen, Request(INTERNET, HOST, path, method, port, token))


def inside(seen: MeshView, caller: str, method: str = "GET", path: str = "/") -> Answer:
    return answer(seen, Request(caller, SERVICE, path, method, 8080))


@pytest.mark.parametrize(
    ("path", "method", "destination", "status"),
    [
        ("/mcp", "POST", SERVICE, 200),
        ("/mcp/", "POST", SERVICE, 200),
        ("/mcp/x", "POST", SERVICE, 200),
        ("/mcpx", "POST", "", 404),
        ("/mcp/exact", "POST", "other.apps.svc.cluster.local", 200),
        ("/mcp", "DELETE", "other.apps.svc.cluster.local", 200),
        ("/nowhere", "GET", "", 500),
        ("/old", "GET", "", 301),
        ("/elsewhere", "GET", "", 404),
    ],
)
def test_the_most_specific_match_wins(path: str, method: str, destination: str, status: int) -> None:
    found = ask(mesh(EDGE), path, method)
    assert (found.destination, found.status) == (destination, status), found


def test_port_80_redirects() -> None:
    found = ask(mesh(EDGE), port=80)
    assert (found.outcome, found.status, found.by) == (Outcome.REDIRECTED, 301, "HTTPRoute/edge/redirect")


def test_a_rewritten_path_is_what_policies_of_the_pods_see() -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: inner, namespace: apps}
spec:
  selector: {matchLabels: {app: mcp}}
  rules: [{to: [{operation: {paths: [/inner, /inner/x]}}]}]
"""
    seen = mesh(EDGE, policy)
    assert ask(seen, "/outer").outcome is Outcome.ALLOWED
    assert ask(seen, "/outer/x").outcome is Outcome.ALLOWED
    assert ask(seen, "/outer/y").outcome is Outcome.DENIED


AT_GATEWAY = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: edge}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: public}]
  jwtRules: [{issuer: "https://auth.example.com", audiences: ["https://mcp.example.com/mcp"]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: token, namespace: edge}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: public}]
  action: DENY
  rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]
"""


def test_policies_aimed_at_the_gateway_hold_there() -> None:
    good = Token({"iss": "https://auth.example.com", "sub": "a", "aud": "https://mcp.example.com/mcp"})
    other = Token({"iss": "https://auth.example.com", "sub": "a", "aud": "https://other.example.com"})
    seen = mesh(EDGE, AT_GATEWAY)
    assert ask(seen, token=good).outcome is Outcome.ALLOWED
    assert (ask(seen).status, ask(seen).by) == (403, "AuthorizationPolicy/edge/token")
    assert ask(seen, token=other).status == 403


def test_a_policy_aimed_elsewhere_does_not() -> None:
    other_name = AT_GATEWAY.replace("name: public", "name: private")
    other_namespace = AT_GATEWAY.replace("namespace: edge", "namespace: apps")
    assert ask(mesh(EDGE, other_name)).outcome is Outcome.ALLOWED
    assert ask(mesh(EDGE, other_namespace)).outcome is Outcome.ALLOWED


def test_a_selector_reaches_the_pods_that_istio_runs_for_a_gateway() -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: edge}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: public}}
"""
    assert ask(mesh(EDGE, policy)).by == "AuthorizationPolicy/edge/closed"


def test_the_pods_see_the_service_account_of_the_gateway() -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: edge-only, namespace: apps}
spec:
  selector: {matchLabels: {app: mcp}}
  rules: [{from: [{source: {serviceAccounts: [edge/public-istio]}}]}]
"""
    assert ask(mesh(EDGE, policy)).outcome is Outcome.ALLOWED
    assert ask(mesh(EDGE, policy.replace("public-istio", "public"))).outcome is Outcome.DENIED


def test_a_listener_lets_in_routes_of_its_own_namespace_only() -> None:
    closed = EDGE.replace("\n    allowedRoutes: {namespaces: {from: All}}\n  - {name: http", "\n  - {name: http")
    assert closed != EDGE
    assert (ask(mesh(closed)).status, ask(mesh(EDGE)).status) == (404, 200)


GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes, namespace: apps}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}]
  to: [{group: "", kind: Service}]
"""


def test_a_backend_of_another_namespace_needs_a_grant() -> None:
    away = EDGE.replace(
        "metadata: {name: mcp, namespace: apps}\nspec:\n  parentRefs",
        "metadata: {name: mcp, namespace: web}\nspec:\n  parentRefs",
    )
    away = away.replace("{name: mcp, port: 8080}", "{name: mcp, namespace: apps, port: 8080}")
    refused = ask(mesh(away))
    assert (refused.status, refused.outcome) == (500, Outcome.DENIED)
    assert "ReferenceGrant" in refused.why
    assert ask(mesh(away, GRANT)).outcome is Outcome.ALLOWED


def test_a_certificate_of_another_namespace_needs_a_grant() -> None:
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: example, namespace: certs}}"
    away = EDGE.replace("{name: example}", "{name: example, namespace: certs}")
    grant = GRANT.replace("apps", "certs").replace("HTTPRoute, namespace: web", "Gateway, namespace: edge")
    grant = grant.replace("kind: Service", "kind: Secret")
    assert ask(mesh(away, secret)).outcome is Outcome.DENIED
    assert ask(mesh(away, secret, grant)).outcome is Outcome.ALLOWED
    assert ask(mesh(away)).outcome is Outcome.ALLOWED, "nothing of that namespace is in sight"


def test_a_gateway_of_another_controller_is_not_ours() -> None:
    theirs = EDGE.replace("gatewayClassName: istio", "gatewayClassName: gke-l7-global-external-managed")
    assert ask(mesh(theirs)).by == "no Gateway"


def test_a_gateway_may_be_pods_that_somebody_else_runs() -> None:
    manual = EDGE.replace(
        "gatewayClassName: istio",
        "gatewayClassName: istio\n  addresses: [{type: Hostname, value: istio-ingressgateway.ingress}]",
    )
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: ingress}
spec: {selector: {matchLabels: {istio: ingressgateway}}}
"""
    assert ask(mesh(manual)).outcome is Outcome.ALLOWED
    assert ask(mesh(manual, policy)).by == "AuthorizationPolicy/ingress/closed"


TLS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: through, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - {name: tls, port: 8443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: mcp, namespace: apps}
spec:
  parentRefs: [{name: through, namespace: edge}]
  hostnames: [mcp.example.com]
  rules: [{backendRefs: [{name: mcp, port: 8080}]}]
"""


def test_a_tls_route_passes_connections_on() -> None:
    found = ask(mesh(EDGE, TLS), port=8443)
    assert (found.outcome, found.status, found.by, found.destination) == (
        Outcome.ALLOWED,
        0,
        "TLSRoute/apps/mcp",
        SERVICE,
    )
    assert (
        ask(mesh(EDGE, TLS.replace("port: 8080}]}]", "port: 8080, weight: 0}]}]")), port=8443).outcome is Outcome.DENIED
    )


MESH_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: gamma, namespace: NAMESPACE}
spec:
  parentRefs: [{group: "", kind: Service, name: mcp, namespace: apps}]
  rules:
  - matches: [{path: {value: /}, headers: [{name: x-version, value: "2"}]}, {path: {type: Exact, value: /}}]
    backendRefs: [{name: other, namespace: apps, port: 80}]
"""


def test_a_route_of_a_service_is_for_callers_in_the_mesh() -> None:
    seen = mesh(EDGE, MESH_ROUTE.replace("NAMESPACE", "apps"))
    assert inside(seen, "web/frontend").destination == "other.apps.svc.cluster.local"
    assert (inside(seen, "web/frontend", path="/x").status, inside(mesh(EDGE), "web/frontend", path="/x").status) == (
        404,
        200,
    )
    assert ask(seen).destination == SERVICE


def test_a_route_in_the_callers_namespace_is_for_that_namespace() -> None:
    seen = mesh(EDGE, MESH_ROUTE.replace("NAMESPACE", "web"))
    assert inside(seen, "web/frontend").destination == "other.apps.svc.cluster.local"
    assert inside(seen, "shop/frontend").destination == SERVICE


def test_a_route_without_hosts_has_those_of_its_listener_and_its_port() -> None:
    plain = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: plain, namespace: apps}
spec:
  gatewayClassName: istio
  listeners: [{name: http, hostname: plain.example.com, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: plain, namespace: apps}
spec:
  parentRefs: [{name: plain}]
  rules: [{backendRefs: [{name: mcp, port: 8080}]}]
"""
    seen = mesh(plain)
    assert hosts_of(seen, INTERNET) == ["plain.example.com"]
    (row,) = rows(seen, requests(seen, Axes([INTERNET], (), ["GET"], ["/"])))
    assert (row.request.port, row.answer.outcome) == (8080, Outcome.ALLOWED)


def test_a_route_of_a_service_needs_no_grant() -> None:
    away = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: gamma, namespace: web}
spec:
  parentRefs: [{group: "", kind: Service, name: mcp, namespace: apps}]
  rules: [{backendRefs: [{name: other, namespace: apps, port: 80}]}]
"""
    assert inside(mesh(EDGE, away), "web/frontend").outcome is Outcome.ALLOWED


def test_the_controller_of_a_class_decides_who_serves_it() -> None:
    gateway_class = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: NAME}
spec: {controllerName: CONTROLLER}
"""
    ours = gateway_class.replace("NAME", "ours").replace("CONTROLLER", "istio.io/gateway-controller")
    assert ask(mesh(EDGE.replace("ClassName: istio", "ClassName: ours"), ours)).outcome is Outcome.ALLOWED
    theirs = gateway_class.replace("NAME", "istio").replace("CONTROLLER", "example.com/other")
    assert ask(mesh(EDGE, theirs)).by == "no Gateway"


def test_annotations_name_the_deployment_and_its_account() -> None:
    override = "annotations: {gateway.istio.io/name-override: front, gateway.istio.io/service-account: front-door}"
    (edge,) = edges(
        mesh(
            EDGE.replace(
                "name: public, namespace: edge}\nspec:\n  gateway",
                f"name: public, namespace: edge, {override}}}\nspec:\n  gateway",
            )
        )
    )
    assert (edge.key, edge.principal) == ("edge/front", "cluster.local/ns/edge/sa/front-door")


def test_a_caller_reaches_a_gateway_by_the_name_of_its_service_alone() -> None:
    seen = mesh(EDGE.replace("name: public", "name: tools").replace("namespace: edge", "namespace: apps"))
    host = "tools.apps.svc.cluster.local"
    assert answer(seen, Request("web/frontend", host, "/", "GET", 80)).by == "no AuthorizationPolicy"
    by_service = answer(seen, Request("web/frontend", "tools-istio.apps.svc.cluster.local", "/", "GET", 8080))
    assert by_service.by == "no Gateway"
