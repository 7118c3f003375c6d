"""A policy for a path that no route forwards."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.directions import guards_gateway, is_gateway_identity
from meshlint.view.fields import mapping, strings, text
from meshlint.view.selection import SelectorIndex

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute
    from meshlint.view.security import PolicyRule


@rule(
    "MCP338",
    WARNING,
    "A policy for a path that no route forwards",
    symptoms=("ChatGPT says 404", "a policy has no effect"),
    why="""
Every way to the workload goes through routes that match paths, and none of them takes the one that the policy allows.
It is a misspelling on one side or the other. Judged for hosts with routes both at a gateway and in the mesh.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
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
  - from: [{source: {serviceAccounts: [shop/front]}}]
    to: [{operation: {paths: [/kart]}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
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
  - from: [{source: {serviceAccounts: [shop/front]}}]
    to: [{operation: {paths: [/cart]}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#authorization-policies",),
    needs=("VirtualService",),
)
def check(mesh: MeshView) -> Hits:
    routes: dict[str, list[HttpRoute]] = defaultdict(list)
    in_mesh: set[str] = set()
    for route in mesh.http_routes:
        for target in route.destinations:
            routes[target.fqdn].append(route)
            if route.owner.in_mesh and target.fqdn in route.owner.fqdns:
                in_mesh.add(target.fqdn)
    services = SelectorIndex(
        (service.obj.namespace, service.selector, service) for service in mesh.services if service.selector
    )
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW" or guards_gateway(mesh, policy) or "app" not in policy.selector:
            continue
        hosts = [service.fqdn for service in services.applying(policy.obj.namespace, policy.selector)]
        hosts = hosts or [f"{policy.selector['app']}.{policy.obj.namespace}.svc.cluster.local"]
        for host in [host for host in hosts if host in in_mesh][:1]:
            for rule_ in policy.rules:
                for operation in rule_.operations:
                    for position, path in enumerate(strings(operation.raw, "paths")):
                        exact = path.rstrip("*").rstrip("/") or "/"
                        ways = [route for route in routes[host] if _open_to(mesh, route, rule_)]
                        if "*" in path[:-1] or any(_takes(route, exact) for route in ways):
                            continue
                        where = (*operation.path, "paths", position)
                        yield Hit(
                            policy.obj, where, f"is {path}, which no route to {host} takes", "correct one of them"
                        )


def _open_to(mesh: MeshView, route: HttpRoute, rule_: PolicyRule) -> bool:
    """Whether the callers of the rule can take the route: gateways those at gateways, workloads those in the mesh."""
    names = [
        name
        for source in rule_.sources
        for field in ("principals", "serviceAccounts")
        for name in strings(source.raw, field)
    ]
    if not names:
        return True
    outside = any("*" in name or is_gateway_identity(mesh, name) for name in names)
    inside = any(not is_gateway_identity(mesh, name) for name in names)
    return (outside and route.on_gateway) or (inside and route.owner.in_mesh)


def _takes(route: HttpRoute, path: str) -> bool:
    """Whether the route forwards the path, as the app sees it, or something below it."""
    below = path if path.endswith("/") else f"{path}/"
    rewrite = mapping(route.raw, "rewrite")
    if mapping(rewrite, "uriRegexRewrite"):
        return True
    if written := text(rewrite, "uri"):
        prefix = any(text(match, "uri", "prefix") for match in route.matches)
        return (
            path == (written.rstrip("/") or "/") or written.startswith(below) or (prefix and path.startswith(written))
        )
    return route.takes_path(path) or any(
        text(match, "uri", kind).startswith(below) for match in route.matches for kind in ("exact", "prefix")
    )
