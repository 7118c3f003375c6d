"""A policy aimed at what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.gateway_api.references import Reference
from meshlint.view.gateway_api.targets import WAYPOINT_CLASS, targets_of
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


POLICIES = ("AuthorizationPolicy", "RequestAuthentication")
EXTENSIONS = ("Telemetry", "EnvoyFilter", "WasmPlugin", "TrafficExtension")


@rule(
    "MCP908",
    ERROR,
    "A policy aimed at what is not there",
    symptoms=("a policy has no effect", "requests without a token get in"),
    why="""
Istio pairs `targetRefs` with what is in the policy's own namespace: a Gateway, or a Service or ServiceEntry that uses
a waypoint. A `namespace` in the reference makes it match nothing; a GatewayClass is matched by `istio-waypoint` in
the root namespace only. A policy whose every target is missing holds nowhere, so what it should close is open. Judged
where the objects show others of the kind in that namespace, or one of that name elsewhere. A warning where the kind
only tells or patches (Telemetry, EnvoyFilter, WasmPlugin).
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: token-required, namespace: edge}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: publik}]
  action: DENY
  rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: token-required, namespace: edge}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: public}]
  action: DENY
  rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: edge}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: public}]
  jwtRules:
  - issuer: https://auth.example.com
    audiences: [https://shop.example.com]
    jwks: '{"keys": []}'
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
""",
    sources=("https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference",),
)
def check(mesh: MeshView) -> Hits:
    for kind in (*POLICIES, *EXTENSIONS):
        for obj in mesh.istio(kind):
            listed = "targetRefs" in obj.spec
            for position, raw in enumerate(targets_of(obj)):
                path = ("spec", "targetRefs", position) if listed else ("spec", "targetRef")
                problem, mend = _missing(mesh, obj, raw)
                if problem:
                    yield Hit(obj, path, problem, mend, ERROR if kind in POLICIES else WARNING)


def _missing(mesh: MeshView, obj: Manifest, raw: Json) -> tuple[str, str]:
    to = Reference.read(raw, obj.namespace)
    if to.namespace != obj.namespace:
        move = f"move the policy to {to.namespace}, and leave the namespace out"
        return f"is {to}, in another namespace than the policy, which Istio does not look at", move
    if (to.group, to.kind) == (GATEWAY_API, "GatewayClass"):
        if to.name != WAYPOINT_CLASS:
            return f"is the GatewayClass {to.name}, and Istio knows {WAYPOINT_CLASS} only", f"name {WAYPOINT_CLASS}"
        if obj.namespace != mesh.root_namespace:
            problem = f"is the GatewayClass {to.name}, which Istio looks at in {mesh.root_namespace} only"
            return problem, f"move the policy to {mesh.root_namespace}"
        return "", ""
    if not to.is_service and not to.is_gateway and (to.group, to.kind) != ("networking.istio.io", "ServiceEntry"):
        group = to.group or '""'
        mend = 'name a Gateway (gateway.networking.k8s.io), a Service (group "") or a ServiceEntry'
        return f"is a {to.kind or 'target without a kind'} of the group {group}, at which no policy can be aimed", mend
    alike = [one for one in mesh.by_kind.get(to.kind, ()) if one.group == to.group]
    if any((one.namespace, one.name) == (to.namespace, to.name) for one in alike):
        return "", ""
    elsewhere = [one.namespace for one in alike if one.name == to.name]
    if elsewhere:
        problem = f"is {to}, and the {to.kind} {to.name} is in {', '.join(elsewhere)}"
        return problem, f"move the policy to {elsewhere[0]}"
    if any(one.namespace == to.namespace for one in alike):
        return f"is {to}, and there is none", "correct the name"
    return "", ""
