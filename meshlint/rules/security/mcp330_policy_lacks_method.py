"""Policies that lack a method which the routes forward to the MCP server."""

from __future__ import annotations

from collections import defaultdict
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
    "MCP330",
    ERROR,
    "Policies that lack a method which the routes forward to the MCP server",
    symptoms=("ChatGPT says 403", "CORS preflight fails", "an MCP session cannot be ended"),
    why="""
Every call is a POST; the older era opens its stream with GET and ends its session with DELETE; browsers ask with
OPTIONS. What a route forwards and no ALLOW rule for the path takes is answered 403 by the sidecar.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, DELETE], paths: [/mcp]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, POST, DELETE], paths: [/mcp]}}]
""",
    sources=("https://modelcontextprotocol.io/specification/2025-11-25/basic/transports",),
)
def check(mesh: MeshView) -> Hits:
    for path in mesh.environment.mcp_paths:
        forwarded = _forwarded(mesh, path)
        always = {"POST"} | _to_unseen(mesh, forwarded)
        groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[AuthorizationPolicy]] = defaultdict(list)
        for policy in mesh.authorization_policies:
            if policy.action == "ALLOW" and not policy.targets and not guards_gateway(mesh, policy):
                groups[policy.obj.namespace, tuple(sorted(policy.selector.items()))].append(policy)
        for policies in groups.values():
            if _may_serve(mesh, policies[0], path):
                yield from _group(policies, path, always | _of_pods(mesh, policies[0], forwarded))


def _forwarded(mesh: MeshView, path: str) -> dict[str, set[str]]:
    """The methods that routes from outside forward to each host for the path."""
    found: dict[str, set[str]] = defaultdict(set)
    for route in mesh.http_routes:
        # A route in the mesh without a method in its match says nothing about which ones its callers use.
        if route.on_gateway and mesh.mcp_path_of(route) == path:
            # Preflights come from browsers; a route with a corsPolicy answers them itself.
            answered = {"OPTIONS"} if "corsPolicy" in route.raw else set[str]()
            for target in route.destinations:
                found[target.fqdn] |= (route.methods(path) & KNOWN) - answered
    return found


def _may_serve(mesh: MeshView, policy: AuthorizationPolicy, path: str) -> bool:
    """Whether the pods of a policy are an MCP server's, as far as their Services are shown."""
    behind = [
        service
        for service in mesh.services_by_namespace.get(policy.obj.namespace, ())
        if service.selector and selects(policy.selector, service.selector)
    ]
    declared = mesh.environment.mcp_servers
    return not behind or any(
        service.fqdn in mesh.mcp_hosts and declared.get(service.fqdn, path) == path for service in behind
    )


def _of_pods(mesh: MeshView, policy: AuthorizationPolicy, forwarded: dict[str, set[str]]) -> set[str]:
    """What is forwarded to the pods of a policy, as far as their Services are shown."""
    needed: set[str] = set()
    for service in mesh.services_by_namespace.get(policy.obj.namespace, ()):
        if selects(policy.selector, service.selector):
            needed |= forwarded.get(service.fqdn, set())
    return needed


def _to_unseen(mesh: MeshView, forwarded: dict[str, set[str]]) -> set[str]:
    """What is forwarded to hosts whose Service is not shown: any pods may be behind them."""
    unseen = (methods for host, methods in forwarded.items() if host not in mesh.service_by_fqdn)
    return set[str]().union(*unseen)


def _means(pattern: str, path: str) -> bool:
    """Whether the pattern was written for the path, perhaps wrongly; every pattern begins like the path `/`."""
    return pattern in ("/", "/*", "*") if path == "/" else pattern.startswith(path)


KNOWN = frozenset({"POST", "GET", "DELETE", "OPTIONS"})


def _group(policies: list[AuthorizationPolicy], path: str, needed: set[str]) -> Hits:
    meant = [
        (policy, operation)
        for policy in policies
        for rule_ in policy.rules
        for operation in rule_.operations
        if any(_means(pattern, path) for pattern in strings(operation.raw, "paths"))
    ]
    if not meant or any(not rule_.operations for policy in policies for rule_ in policy.rules):
        return
    missing = {name for name in needed if not any(operation.takes_method(name) for _, operation in meant)}
    if missing:
        policy, operation = meant[0]
        problem = f"lacks {', '.join(sorted(missing))}, which the routes forward to {path} and no other rule allows"
        yield Hit(policy.obj, (*operation.path, "methods"), problem, "add the methods")
