"""A route to a workload that no policy lets anybody reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule
from meshlint.view.directions import pod_labels

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP321",
    ERROR,
    "A route to a workload that no policy lets anybody reach",
    symptoms=("ChatGPT says 403", "RBAC: access denied between services"),
    why="""
With a default deny, every target of a route needs an ALLOW. A gateway then forwards, and the sidecar answers 403.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: shop}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: shop}
spec:
  hosts: [api]
  http:
  - route: [{destination: {host: api}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: shop}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: shop}
spec:
  hosts: [api]
  http:
  - route: [{destination: {host: api}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#implicit-enablement",),
    needs=("AuthorizationPolicy",),
)
def check(mesh: MeshView) -> Hits:
    closed = {
        policy.obj.namespace for policy in mesh.authorization_policies if policy.allows_nothing and not policy.selector
    }
    everywhere = mesh.root_namespace in closed
    reported: set[tuple[str, str]] = set()
    for route in mesh.http_routes:
        for target in route.destinations:
            _, _, rest = target.fqdn.partition(".")
            namespace, _, suffix = rest.partition(".")
            if suffix != "svc.cluster.local" or not (everywhere or namespace in closed):
                continue
            labels = pod_labels(mesh, target.fqdn)
            if labels is None or (route.obj.key, target.fqdn) in reported:
                continue
            if not any(_opens(policy) for policy in mesh.policies_by_selector.applying(namespace, labels)):
                reported.add((route.obj.key, target.fqdn))
                problem = f"is {target.host}, which no ALLOW policy in {namespace} opens to anybody"
                mend = "add an AuthorizationPolicy that allows the callers of this route"
                # At a gateway somebody is meant to come; in the mesh it is an app whose callers are yet to come.
                severity = ERROR if route.on_gateway else INFO
                yield Hit(route.obj, (*target.path, "host"), problem, mend, severity)


def _opens(policy: AuthorizationPolicy) -> bool:
    return bool(policy.targets) or (policy.action == "ALLOW" and bool(policy.rules))
