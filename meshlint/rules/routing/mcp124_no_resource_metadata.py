"""No protected resource metadata for an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping
from meshlint.view.routing import match_takes_path
from meshlint.view.token_hosts import is_open_beside_others

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP124",
    WARNING,
    "No protected resource metadata for an MCP server",
    symptoms=("ChatGPT never asks the user to log in",),
    why="""
MCP servers have to serve RFC 9728 metadata: clients ask for `/.well-known/oauth-protected-resource/mcp` and then for
the form without the path, without a token. The gateway can answer it (`directResponse` 200 with JSON) or forward it.
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
          www-authenticate: Bearer resource_metadata="https://auth.example.com/mcp-metadata"
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
    sources=("https://www.rfc-editor.org/rfc/rfc9728",),
    needs=("RequestAuthentication",),
)
def check(mesh: MeshView) -> Hits:
    served: dict[str, bool] = {}
    for service in mesh.virtual_services:
        answers = any(_serves(route, path) for route in service.http for path in mesh.environment.mcp_paths)
        for host in service.fqdns:
            served[host] = served.get(host, False) or answers
    for service in mesh.virtual_services:
        if not service.on_gateway or any(served[host] for host in service.fqdns):
            continue
        route = next((route for route in service.http if route.on_gateway and mesh.mcp_path_of(route)), None)
        if route is not None:
            path = mesh.mcp_path_of(route)
            problem = f"forwards {path}, and nothing serves {WELL_KNOWN}{path}"
            mend = "add a route for both well-known forms with directResponse 200 and the JSON, open to everybody"
            # Beside hosts that ask for tokens, one that asks for none may well be open on purpose.
            severity = INFO if is_open_beside_others(mesh, service) else None
            yield Hit(service.obj, route.path, problem, mend, severity)


WELL_KNOWN = "/.well-known/oauth-protected-resource"


def _serves(route: HttpRoute, path: str) -> bool:
    """Whether the route names the metadata's path; a catch-all does not count."""
    return any(mapping(match, "uri") and match_takes_path(match, f"{WELL_KNOWN}{path}") for match in route.matches)
