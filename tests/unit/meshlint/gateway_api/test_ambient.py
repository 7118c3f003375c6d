"""Who gets what in ambient mode: what a ztunnel decides, and what a waypoint."""

from __future__ import annotations

import pytest

from meshlint.reachability.request import PLAINTEXT, Outcome
from tests.unit.meshlint.gateway_api.meshes import AMBIENT, EDGE, SERVICE, mesh
from tests.unit.meshlint.gateway_api.test_reach import MESH_ROUTE, ask, inside

pytestmark = pytest.mark.unit


def test_a_waypoint_reads_the_requests_of_ambient_callers() -> None:
    seen = mesh(AMBIENT)
    assert inside(seen, "apps/frontend").outcome is Outcome.ALLOWED
    denied = inside(seen, "apps/frontend", "POST")
    assert (denied.status, denied.by) == (403, "AuthorizationPolicy/apps/reads")
    assert inside(seen, "apps/stranger").outcome is Outcome.DENIED


def test_what_does_not_come_by_a_ztunnel_passes_the_waypoint_by() -> None:
    seen = mesh(AMBIENT)
    assert inside(seen, PLAINTEXT).by == "no AuthorizationPolicy"
    assert inside(seen, "elsewhere/sidecar", "POST").by == "no AuthorizationPolicy"


def test_without_its_waypoint_a_policy_aimed_at_a_service_does_nothing() -> None:
    seen = mesh(AMBIENT.replace(", labels: {istio.io/use-waypoint: waypoint}", ""))
    assert inside(seen, "apps/stranger", "POST").outcome is Outcome.ALLOWED


AT_ZTUNNEL = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: pods, namespace: apps}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules: [{from: [{source: {serviceAccounts: [apps/waypoint]}}]}]
"""


def test_behind_a_waypoint_the_pods_see_its_identity() -> None:
    assert inside(mesh(AMBIENT, AT_ZTUNNEL), "apps/frontend").outcome is Outcome.ALLOWED
    past = inside(mesh(AMBIENT, AT_ZTUNNEL), "elsewhere/sidecar")
    assert (past.outcome, past.status, past.by) == (Outcome.DENIED, 0, "AuthorizationPolicy/apps/pods")
    assert (
        inside(mesh(AMBIENT, AT_ZTUNNEL.replace("apps/waypoint", "apps/frontend")), "apps/frontend").outcome
        is Outcome.DENIED
    )


def test_a_ztunnel_allows_nothing_by_a_rule_of_requests_and_denies_all_by_one() -> None:
    plain = AMBIENT.replace(", labels: {istio.io/use-waypoint: waypoint}", "")
    allow = AT_ZTUNNEL.replace(
        "[{source: {serviceAccounts: [apps/waypoint]}}]}]",
        "[{source: {serviceAccounts: [apps/frontend]}}], to: [{operation: {methods: [GET]}}]}]",
    )
    assert inside(mesh(plain, allow), "apps/frontend").outcome is Outcome.DENIED
    deny = allow.replace("action: ALLOW", "action: DENY")
    assert inside(mesh(plain, deny), "apps/frontend", "POST").outcome is Outcome.DENIED
    assert inside(mesh(plain, deny), "apps/mcp", "POST").outcome is Outcome.ALLOWED


def test_routes_of_a_service_are_followed_at_its_waypoint() -> None:
    route = MESH_ROUTE.replace("NAMESPACE", "apps")
    other = EDGE.split("---")[1]
    seen = mesh(AMBIENT, route, other)
    assert inside(seen, "apps/frontend").destination == "other.apps.svc.cluster.local"
    no_waypoint = mesh(AMBIENT.replace(", labels: {istio.io/use-waypoint: waypoint}", ""), route, other)
    assert inside(no_waypoint, "apps/frontend").destination == SERVICE


def test_a_policy_for_every_waypoint_stands_in_the_root_namespace() -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all-waypoints, namespace: istio-system}
spec:
  targetRefs: [{kind: GatewayClass, group: gateway.networking.k8s.io, name: istio-waypoint}]
  action: DENY
  rules: [{to: [{operation: {paths: [/metrics]}}]}]
"""
    assert inside(mesh(AMBIENT, policy), "apps/frontend", path="/metrics").by.endswith("all-waypoints")
    assert inside(mesh(AMBIENT, policy), "apps/frontend", path="/").outcome is Outcome.ALLOWED
    elsewhere = policy.replace("istio-system", "apps")
    assert inside(mesh(AMBIENT, elsewhere), "apps/frontend", path="/metrics").outcome is Outcome.ALLOWED


def test_gateways_use_a_waypoint_where_the_service_asks_for_it() -> None:
    edge = EDGE.partition("---")[2].partition("---")[2]
    assert ask(mesh(AMBIENT, edge)).outcome is Outcome.ALLOWED
    asked = AMBIENT.replace("use-waypoint: waypoint}", 'use-waypoint: waypoint, istio.io/ingress-use-waypoint: "true"}')
    assert ask(mesh(asked, edge)).by == "AuthorizationPolicy/apps/reads"


def test_the_service_of_a_waypoint_has_none() -> None:
    service = """
apiVersion: v1
kind: Service
metadata: {name: waypoint, namespace: apps, labels: {gateway.istio.io/managed: istio.io-mesh-controller}}
spec: {selector: {gateway.networking.k8s.io/gateway-name: waypoint}, ports: [{port: 15008}]}
"""
    around = AMBIENT.replace("{istio.io/dataplane-mode: ambient}", "{istio.io/use-waypoint: waypoint}")
    (own,) = [found for found in mesh(around, service).services if found.obj.name == "waypoint"]
    assert mesh(around, service).waypoint_of(own) is None
    (other,) = [
        found
        for found in mesh(around, service.replace("istio.io-mesh", "some-other")).services
        if found.obj.name == "waypoint"
    ]
    assert mesh(around).waypoint_of(other) is not None


def test_waypoints_take_what_they_are_for_and_whom_they_let_in() -> None:
    def waypoint(text: str) -> bool:
        seen = mesh(text)
        return seen.waypoint_of(seen.services[0]) is not None

    assert waypoint(AMBIENT)
    assert not waypoint(AMBIENT.replace("waypoint-for: service", "waypoint-for: workload"))
    assert waypoint(AMBIENT.replace("waypoint-for: service", "waypoint-for: all"))
    away = AMBIENT.replace("name: waypoint, namespace: apps", "name: waypoint, namespace: infra")
    away = away.replace("use-waypoint: waypoint}", "use-waypoint: waypoint, istio.io/use-waypoint-namespace: infra}")
    assert not waypoint(away)
    assert waypoint(away.replace("protocol: HBONE}", "protocol: HBONE, allowedRoutes: {namespaces: {from: All}}}"))
    assert not waypoint(AMBIENT.replace("gatewayClassName: istio-waypoint", "gatewayClassName: istio"))


def test_a_waypoint_passes_no_waypoint_itself() -> None:
    asked = AMBIENT.replace("use-waypoint: waypoint}", 'use-waypoint: waypoint, istio.io/ingress-use-waypoint: "true"}')
    assert inside(mesh(asked), "apps/frontend").outcome is Outcome.ALLOWED


def test_no_selector_reaches_a_waypoint() -> None:
    closed = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: apps}
spec: {selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}, action: DENY, rules: [{}]}
"""
    assert inside(mesh(AMBIENT, closed), "apps/frontend").outcome is Outcome.ALLOWED


def test_a_ztunnel_asks_no_authorizer() -> None:
    plain = AMBIENT.replace(", labels: {istio.io/use-waypoint: waypoint}", "")
    custom = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: asks, namespace: apps}
spec: {selector: {matchLabels: {app: mcp}}, action: CUSTOM, provider: {name: authorizer}, rules: [{}]}
"""
    assert "authorizer" not in inside(mesh(plain, custom), "apps/frontend").why
    assert "authorizer" in inside(mesh(plain.replace("mode: ambient", "mode: none"), custom), "apps/frontend").why
