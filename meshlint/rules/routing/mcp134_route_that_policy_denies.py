"""A route whose requests the workload's policies deny."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.directions import allow_rules, is_gateway_identity
from meshlint.view.fields import Json, strings, text
from meshlint.view.strings import methods_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination
    from meshlint.view.security import Operation, PolicyRule


@rule(
    "MCP134",
    ERROR,
    "A route whose requests the workload's policies deny",
    symptoms=("ChatGPT says 403", "RBAC: access denied between services"),
    why="""
The gateway forwards the path, and the sidecar behind it answers 403: no ALLOW rule takes that path, method and port
from that gateway's identity. One of the two is wrong. Judged for routes by exact path or prefix from gateways whose
service account is known.
""",
    bad="""
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
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: web}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {paths: [/shop/*]}}]
""",
    good="""
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
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: web}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {paths: [/cart*]}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#implicit-enablement",),
    needs=("AuthorizationPolicy",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        if not route.on_gateway or "rewrite" in route.raw:
            continue
        reported: set[tuple[str, str]] = set()
        for target in route.destinations:
            rules = allow_rules(mesh, target)
            if not rules:
                continue
            ports = _container_ports(mesh, target)
            for position, match in enumerate(route.matches):
                path = text(match, "uri", "exact") or text(match, "uri", "prefix")
                if not path or (target.fqdn, path) in reported:
                    continue
                reported.add((target.fqdn, path))
                denied = _denied(mesh, match, path, rules, ports)
                if denied:
                    where = (*route.path, "match", position, "uri")
                    problem = (
                        f"forwards {denied} {path} to {target.fqdn}, and no ALLOW policy there takes it from a gateway"
                    )
                    yield Hit(route.obj, where, problem, "allow it, or do not forward it")


def _container_ports(mesh: MeshView, target: Destination) -> frozenset[str]:
    """What a policy calls the port of a destination: that of the container. Empty where the input does not say."""
    service = mesh.service_by_fqdn.get(target.fqdn)
    if service is None:
        return frozenset() if target.port is None else frozenset((str(target.port),))
    found = {str(port.target) for port in service.ports if target.port in (None, port.number)}
    # A named port is resolved by each pod for itself.
    return frozenset(found) if all(port.isdecimal() for port in found) else frozenset()


def _denied(mesh: MeshView, match: Json, path: str, rules: list[PolicyRule], ports: frozenset[str]) -> str:
    """The methods that nobody lets in for the path; empty if all pass."""
    taking = [rule_ for rule_ in rules if _from_gateway(mesh, rule_)]
    if not taking:
        return ""
    methods = sorted(methods_of(match) & {"GET", "POST", "PUT", "PATCH", "DELETE"})
    if "method" not in match:
        passes = any(_takes(rule_, path, None, ports) for rule_ in taking)
        return "" if passes else "requests for"
    missing = [name for name in methods if not any(_takes(rule_, path, name, ports) for rule_ in taking)]
    return "/".join(missing)


def _from_gateway(mesh: MeshView, rule_: PolicyRule) -> bool:
    if not rule_.sources:
        return True
    for source in rule_.sources:
        names = [*strings(source.raw, "principals"), *strings(source.raw, "serviceAccounts")]
        if not names or any("*" in name or is_gateway_identity(mesh, name) for name in names):
            return True
    return False


def _takes(rule_: PolicyRule, path: str, method: str | None, wanted: frozenset[str]) -> bool:
    if not rule_.operations:
        return True
    for operation in rule_.operations:
        ports = strings(operation.raw, "ports")
        fits = not ports or not wanted or not wanted.isdisjoint(ports)
        if fits and _path(operation, path) and (method is None or operation.takes_method(method)):
            return True
    return False


def _path(operation: Operation, path: str) -> bool:
    """Whether the operation takes the path, or something below it where the path is a prefix."""
    patterns = strings(operation.raw, "paths")
    return operation.takes_path(path) or any(pattern.startswith(path) for pattern in patterns)
