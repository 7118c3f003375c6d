"""A policy whose paths miss the MCP endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP306",
    ERROR,
    "A policy whose paths miss the MCP endpoint",
    symptoms=("ChatGPT says 403", "ChatGPT cannot connect"),
    why="""
`/mcp/*` is the prefix `/mcp/`: it does not contain `/mcp`, to which every MCP call goes. A tool's name is in the body
(or in `Mcp-Name`), never in the path, so `/mcp/tools/*` matches nothing at all.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tools, namespace: chat}
spec:
  selector: {matchLabels: {app: tools}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, POST, DELETE, OPTIONS], paths: ["/mcp/*"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tools, namespace: chat}
spec:
  selector: {matchLabels: {app: tools}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, POST, DELETE, OPTIONS], paths: ["/mcp"]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            for path in mesh.environment.mcp_paths:
                below = [
                    (operation, pattern)
                    for operation in rule_.operations
                    for pattern in strings(operation.raw, "paths")
                    if pattern.startswith(f"{path}/")
                ]
                if below and not rule_.takes_path(path):
                    operation, pattern = below[0]
                    problem = f"has {pattern!r}, which does not contain {path} itself"
                    yield Hit(policy.obj, (*operation.path, "paths"), problem, f"write {path!r}")
