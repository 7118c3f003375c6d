"""A policy whose selector means pods that no proxy of requests is at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import string_map
from meshlint.view.gateway_api.listeners import GATEWAY_NAME, Role
from meshlint.view.gateway_api.targets import targets_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


SELECTING = (
    ("AuthorizationPolicy", "selector", "matchLabels"),
    ("RequestAuthentication", "selector", "matchLabels"),
    ("Telemetry", "selector", "matchLabels"),
    ("WasmPlugin", "selector", "matchLabels"),
    ("EnvoyFilter", "workloadSelector", "labels"),
)
_OF_CONNECTIONS = ("AuthorizationPolicy", "Telemetry")


@rule(
    "MCP909",
    ERROR,
    "A policy whose selector means pods that no proxy of requests is at",
    symptoms=("a policy has no effect", "requests without a token get in"),
    why="""
A waypoint is reached by `targetRefs` alone: Istio does not look at selectors for it. And pods in ambient mode have no
proxy that reads requests: a RequestAuthentication that selects them verifies no token, an EnvoyFilter or WasmPlugin
patches nothing, a Sidecar hides nothing, whether or not a waypoint is in front of them. An AuthorizationPolicy for
such pods is enforced by the ztunnel, as far as it is about connections (see MCP910).
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: [https://shop.example.com]
    jwks: '{"keys": []}'
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  targetRefs: [{kind: Service, group: "", name: web}]
  jwtRules:
  - issuer: https://auth.example.com
    audiences: [https://shop.example.com]
    jwks: '{"keys": []}'
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: token-required, namespace: shop}
spec:
  targetRefs: [{kind: Service, group: "", name: web}]
  action: DENY
  rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: through-waypoint, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{from: [{source: {serviceAccounts: [shop/waypoint]}}]}]
""",
    sources=(
        "https://istio.io/latest/docs/ambient/usage/waypoint/",
        "https://istio.io/latest/docs/ambient/usage/l7-features/",
    ),
)
def check(mesh: MeshView) -> Hits:
    if not mesh.has_ambient:
        return
    waypoints = {gateway.key for gateway in mesh.api_gateways if gateway.role is Role.WAYPOINT}
    for kind, block, field in SELECTING:
        severity = ERROR if kind in ("AuthorizationPolicy", "RequestAuthentication") else WARNING
        for obj in mesh.istio(kind):
            selector = string_map(obj.spec, block, field)
            if not selector or targets_of(obj):
                continue
            path = ("spec", block, field)
            if f"{obj.namespace}/{selector.get(GATEWAY_NAME, '')}" in waypoints:
                problem = f"selects the waypoint {selector[GATEWAY_NAME]}, and no selector reaches a waypoint"
                yield Hit(obj, path, problem, "aim it by targetRefs: at the Gateway, or at a Service", severity)
            elif kind not in _OF_CONNECTIONS:
                pods = mesh.select(obj.namespace, selector)
                if pods and all(mesh.is_ambient(pod.namespace, pod.labels) for pod in pods):
                    shown = ", ".join(f"{name}={wanted}" for name, wanted in selector.items())
                    problem = f"selects {shown}, whose pods are in ambient mode and have no proxy that reads requests"
                    mend = "give the Service a waypoint, and aim it there by targetRefs"
                    yield Hit(obj, path, problem, mend, severity)
    for obj in mesh.istio("Sidecar"):
        selector = string_map(obj.spec, "workloadSelector", "labels")
        if obj.namespace != mesh.root_namespace and mesh.selects_ambient(obj.namespace, selector):
            path = ("spec", "workloadSelector", "labels") if selector else ("spec",)
            problem = "is for pods in ambient mode, which have no sidecar: it hides no host from them"
            yield Hit(obj, path, problem, "remove it; what they may call is for an AuthorizationPolicy to say", WARNING)
