"""No 401 challenge for an MCP request without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping, whole
from meshlint.view.token_hosts import is_open_beside_others

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService


@rule(
    "MCP123",
    WARNING,
    "No 401 challenge for an MCP request without a token",
    symptoms=("ChatGPT says 403", "ChatGPT never asks the user to log in"),
    why="""
A client learns where to log in from `401` with `WWW-Authenticate: Bearer resource_metadata="..."`. Istio has no field
for it: RequestAuthentication lets a missing token pass, and an AuthorizationPolicy answers 403 without the header. A
route with `directResponse` 401 below the route for valid tokens gives the challenge. Not needed where the MCP server
itself answers 401 and requests without a token reach it.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: mcp, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://mcp.example.com/mcp"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /.well-known/oauth-protected-resource}}]
    directResponse: {status: 200, body: {string: '{"resource": "https://mcp.example.com/mcp"}'}}
    headers: {response: {set: {content-type: application/json}}}
  - match:
    - uri: {exact: /mcp}
      method: {regex: "GET|POST|DELETE"}
      headers: {"@request.auth.claims.sub": {regex: ".+"}, "@request.auth.claims.aud": {exact: "https://mcp.example.com/mcp"}}
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: mcp, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://mcp.example.com/mcp"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /.well-known/oauth-protected-resource}}]
    directResponse: {status: 200, body: {string: '{"resource": "https://mcp.example.com/mcp"}'}}
    headers: {response: {set: {content-type: application/json}}}
  - match:
    - uri: {exact: /mcp}
      method: {regex: "GET|POST|DELETE"}
      headers: {"@request.auth.claims.sub": {regex: ".+"}, "@request.auth.claims.aud": {exact: "https://mcp.example.com/mcp"}}
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
  - match: [{uri: {exact: /mcp}}]
    directResponse: {status: 401}
    headers:
      response:
        set:
          www-authenticate: Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
""",
    sources=(
        "https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization",
        "https://www.rfc-editor.org/rfc/rfc9728#name-use-of-www-authenticate-for",
    ),
    needs=("RequestAuthentication",),
)
def check(mesh: MeshView) -> Hits:
    challenged = {host for service in mesh.virtual_services if _challenges(mesh, service) for host in service.fqdns}
    for service in mesh.virtual_services:
        if not service.on_gateway or set(service.fqdns) & challenged:
            continue
        route = next((route for route in service.http if route.on_gateway and mesh.mcp_path_of(route)), None)
        if route is not None:
            path = mesh.mcp_path_of(route)
            problem = f"forwards {path}, and no route answers 401 with WWW-Authenticate to requests without a token"
            mend = (
                f"add a route below it: uri exact {path}, directResponse 401, www-authenticate with resource_metadata"
            )
            # Beside hosts that ask for tokens, one that asks for none may well be open on purpose.
            severity = INFO if is_open_beside_others(mesh, service) else None
            yield Hit(service.obj, route.path, problem, mend, severity)


def _challenges(mesh: MeshView, service: VirtualService) -> bool:
    for route in service.http:
        if whole(route.raw, "directResponse", "status") != 401:
            continue
        headers = mapping(route.raw, "headers", "response", "set")
        if any(
            name.lower() == "www-authenticate" and "resource_metadata=" in str(said) for name, said in headers.items()
        ):
            return any(route.takes_path(path) for path in mesh.environment.mcp_paths)
    return False
