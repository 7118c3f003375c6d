"""A policy's host that misses the same host with a port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP327",
    WARNING,
    "A policy's host that misses the same host with a port",
    symptoms=("a policy has no effect",),
    why="""
`hosts` is compared with the Host header as it was sent, and `mcp.example.com:443` is a valid way to send it. A DENY
for the bare name is avoided by adding the port: list both, `mcp.example.com` and `mcp.example.com:*`.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: [shop.example.com], ports: ["8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://shop.example.com"]}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: [shop.example.com, "shop.example.com:*"], ports: ["8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://shop.example.com"]}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/#understand-traffic-capture-limitations",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "DENY":
            continue
        for rule_ in policy.rules:
            for operation in rule_.operations:
                hosts = strings(operation.raw, "hosts")
                for position, host in enumerate(hosts):
                    bare = ":" not in host and not host.endswith("*")
                    if bare and f"{host}:*" not in hosts:
                        problem = f"is {host!r}, which a request for {host}:443 does not match"
                        yield Hit(policy.obj, (*operation.path, "hosts", position), problem, f'add "{host}:*"')
