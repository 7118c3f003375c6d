"""No check of the Origin header before an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, Unseen, rule
from meshlint.view.fields import strings
from meshlint.view.hosts import is_external
from meshlint.view.patterns import PatternIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService
    from meshlint.view.security import Condition, Operation, PolicyRule


@rule(
    "MCP323",
    WARNING,
    "No check of the Origin header before an MCP server",
    symptoms=("a foreign web page reads answers",),
    why="""
MCP servers must answer 403 to an Origin that is present and not allowed: otherwise a web page can drive a server on
the user's network (DNS rebinding). CORS does not reject; it only keeps the browser from reading the answer. A DENY
with `when: request.headers[origin]`, `values: ["*"]`, `notValues: [allowed origins]` does; without
`notValues` it refuses every Origin, which is right for a server that no web page calls. Judged for MCP servers that a
gateway serves.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {exact: /mcp}, method: {regex: "GET|POST|DELETE"}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, POST, DELETE, OPTIONS], paths: [/mcp]}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [chat/mcp.example.com]
    tls: {mode: SIMPLE, credentialName: mcp, minProtocolVersion: TLSV1_2}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {exact: /mcp}, method: {regex: "GET|POST|DELETE"}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, POST, DELETE, OPTIONS], paths: [/mcp]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp-origin, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: ["mcp.example.com", "mcp.example.com:*"], paths: [/mcp], ports: ["443", "8443"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://chatgpt.com"]}]
""",
    sources=("https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning",),
    needs=("AuthorizationPolicy",),
)
def check(mesh: MeshView) -> Hits:
    chosen = _by_host(rule_ for rule_, condition in _about_origins(mesh) if condition.not_values)
    refusing = _by_host(rule_ for rule_, condition in _about_origins(mesh) if condition.values == ["*"])
    for service in mesh.virtual_services:
        if not service.on_gateway:
            continue
        route = next((route for route in service.http if route.on_gateway and mesh.mcp_path_of(route)), None)
        if route is None:
            continue
        path = mesh.mcp_path_of(route)
        invites = any("corsPolicy" in other.raw for other in service.http)
        for host in filter(is_external, service.hosts):
            if _checked(chosen, host, path):
                continue
            refused = _checked(refusing, host, path)
            if refused and not invites:
                continue
            unseen = [home for home in sorted(_gateway_homes(service)) if not mesh.shows_namespace(home)]
            if unseen and not refused:
                yield Unseen(service.obj, f"object of namespace {unseen[0]}, where its gateway is")
                break
            said = "a policy refuses every Origin, those of its corsPolicy too" if refused else NOBODY
            mend = 'add a DENY when request.headers[origin] values ["*"] notValues [the allowed origins]'
            yield Hit(service.obj, route.path, f"serves {path} of {host}, and {said}", mend)
            break


def _gateway_homes(service: VirtualService) -> set[str]:
    return {key.partition("/")[0] for key in service.gateways if "/" in key}


NOBODY = "no policy denies a foreign Origin"


def _about_origins(mesh: MeshView) -> Iterator[tuple[PolicyRule, Condition]]:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules if policy.action == "DENY" else ():
            yield from ((rule_, condition) for condition in rule_.conditions if condition.header == "origin")


def _by_host(rules: Iterable[PolicyRule]) -> PatternIndex[Operation | None]:
    """The operations of rules by the hosts that they name; None stands for a rule about every request."""
    return PatternIndex(
        (strings(operation.raw, "hosts") if operation else (), operation)
        for rule_ in rules
        for operation in rule_.operations or (None,)
    )


def _checked(operations: PatternIndex[Operation | None], host: str, path: str) -> bool:
    return any(operation is None or operation.takes_path(path) for operation in operations.of(host))
