"""A policy on a gateway that names the wrong ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.directions import guards_gateway
from meshlint.view.fields import strings
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP334",
    ERROR,
    "A policy on a gateway that names the wrong ports",
    symptoms=("a policy has no effect",),
    why="""
`ports` of a policy are ports of the *pod*: with Helm's gateway chart the Service's 443 leads to 443 of the pod, with
istioctl's profile to 8443. A DENY that names the other one denies nothing. Name both.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443, targetPort: 443}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {ports: ["8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://shop.example.com"]}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443, targetPort: 443}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {ports: ["443", "8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://shop.example.com"]}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation",),
    needs=("Service", "Gateway"),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if not guards_gateway(mesh, policy) or not policy.selector:
            continue
        needed = _ports(mesh, policy)
        for rule_ in policy.rules:
            for operation in rule_.operations:
                named = strings(operation.raw, "ports")
                missing = sorted(needed - {int(port) for port in named if port.isdecimal() and len(port) < 6})
                if named and missing:
                    shown = ", ".join(map(str, missing))
                    problem = f"is {', '.join(named)}, while the gateway's pods listen on {shown}"
                    yield Hit(policy.obj, (*operation.path, "ports"), problem, f"add {shown}")


def _ports(mesh: MeshView, policy: AuthorizationPolicy) -> set[int]:
    """Pod ports of the HTTPS servers of the gateways that the policy selects, as their Services say."""
    servers = {
        server.number
        for gateway in mesh.gateways
        if selects(policy.selector, gateway.selector)
        for server in gateway.servers
        if server.is_http and not server.redirects
    }
    found: set[int] = set()
    for service in mesh.services_by_namespace.get(policy.obj.namespace, ()):
        if service.selector and selects(service.selector, policy.selector):
            found |= {port.target for port in service.ports if port.number in servers and isinstance(port.target, int)}
    return found
