"""A rule on an MCP server that names neither path, method nor port."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.kubernetes import Service
    from meshlint.view.mesh import MeshView


@rule(
    "MCP337",
    WARNING,
    "A rule on an MCP server that names neither path, method nor port",
    symptoms=("metrics or admin pages answer on the internet", "unwanted methods reach the app"),
    why="""
Whoever the rule lets in may ask for everything that the process serves: other paths, other methods, the port of its
metrics or its debugger. An MCP server has one path, three methods and one port: name them.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: chat}
spec:
  selector: {app: mcp}
  ports: [{name: http, port: 8080}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [chat/front]}}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: chat}
spec:
  selector: {app: mcp}
  ports: [{name: http, port: 8080}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [chat/front]}}]
    to: [{operation: {methods: [POST], paths: [/mcp], ports: ["8080"]}}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/#authorization-policies",),
    needs=("Service",),
)
def check(mesh: MeshView) -> Hits:
    servers = [service for service in mesh.services if service.fqdn in mesh.mcp_hosts and service.selector]
    spaces: dict[str, list[Service]] = defaultdict(list)
    for service in servers:
        spaces[service.obj.namespace].append(service)
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW" or not policy.selector:
            continue
        if mesh.selects_ambient(policy.obj.namespace, policy.selector):
            # A ztunnel that is asked for paths and methods allows nothing.
            continue
        meant = [found for found in spaces.get(policy.obj.namespace, ()) if selects(found.selector, policy.selector)]
        if not meant:
            continue
        ports = {str(port.target) for service in meant for port in service.ports}
        for rule_ in policy.rules:
            if not rule_.operations:
                yield Hit(
                    policy.obj, rule_.path, "lets its callers ask for everything", "add to with path, methods and port"
                )
            for operation in rule_.operations:
                named = strings(operation.raw, "ports")
                if named and all(port.isdecimal() for port in ports) and ports.isdisjoint(named):
                    # Another port of the same pods, such as that of their metrics.
                    continue
                missing = [name for name in ("paths", "methods", "ports") if not strings(operation.raw, name)]
                if missing and operation.raw:
                    what = " and ".join(missing)
                    yield Hit(policy.obj, operation.path, f"names no {what}, so every one is open", f"add {what}")
