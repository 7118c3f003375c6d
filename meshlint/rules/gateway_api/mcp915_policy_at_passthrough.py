"""A policy about requests at a gateway that reads none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.gateway_api.targets import references_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.gateway_api.listeners import Listener
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP915",
    ERROR,
    "A policy about requests at a gateway that reads none",
    symptoms=(
        "HTTP routes at a passthrough gateway do nothing",
        "requests without a token get in",
        "a policy has no effect",
    ),
    why="""
A listener with `tls.mode: Passthrough`, or of the protocol TCP, passes connections on without reading them. No token
is verified there, an ALLOW rule that asks for a path, method or token takes no connection, and a DENY rule that does
denies connections without these conditions. Let the listener end TLS, or put the policy where it is ended.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - {name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: tls, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: token-required, namespace: edge}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: public}]
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {ports: ["443"]}}]
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - {name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: tls, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules: [{backendRefs: [{name: web, port: 443}]}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/",),
)
def check(mesh: MeshView) -> Hits:
    passing = {
        gateway.key: gateway
        for gateway in mesh.api_gateways
        if gateway.routes_requests
        and any(one.is_programmed for one in gateway.listeners)
        and not any(one.is_programmed and _ends_tls(one) for one in gateway.listeners)
    }
    for kind in ("RequestAuthentication", "AuthorizationPolicy") if passing else ():
        for obj in mesh.istio(kind):
            for position, to in enumerate(references_of(obj)):
                gateway = passing.get(f"{to.namespace}/{to.name}") if to.is_gateway else None
                if gateway is None or not _reads_requests(mesh, obj):
                    continue
                how = ", ".join(f"{one.name} ({one.protocol} {one.mode}".rstrip() + ")" for one in gateway.listeners)
                problem = f"is {to}, none of whose listeners reads requests: {how}"
                path = ("spec", "targetRefs", position) if "targetRefs" in obj.spec else ("spec", "targetRef")
                yield Hit(obj, path, problem, "end TLS at the listener, or aim the policy where it is ended")


def _ends_tls(listener: Listener) -> bool:
    return listener.reads_requests


def _reads_requests(mesh: MeshView, obj: Manifest) -> bool:
    if obj.kind == "RequestAuthentication":
        return True
    policy = next(one for one in mesh.authorization_policies if one.obj is obj)
    return any(rule_.reads_http for rule_ in policy.rules)
