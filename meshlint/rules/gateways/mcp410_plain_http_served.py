"""A gateway that serves plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, Unseen, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway, HttpRoute, Server

CHALLENGE = "/.well-known/acme-challenge/"


@rule(
    "MCP410",
    ERROR,
    "A gateway that serves plain HTTP",
    symptoms=("tokens travel in plaintext", "a scanner reports weak TLS"),
    why="""
Requests, and the bearer tokens in them, cross the internet in plaintext. A port 80 server should only redirect: `tls:
{httpsRedirect: true}`. Where the page of an ACME challenge is needed there, its hosts are open to one namespace, and
each route of the VirtualServices at that Gateway redirects to https or takes nothing but
`/.well-known/acme-challenge/`.

An error where the gateway's pods validate tokens or an MCP server is behind it, else an info.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
    tls: {httpsRedirect: true}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        if gateway.is_egress:
            continue
        for server in gateway.servers:
            plain = server.protocol in ("HTTP", "HTTP2", "GRPC") and not server.redirects
            if plain and _may_redirect_elsewhere(mesh, server):
                yield Unseen(gateway.obj, "VirtualService of the namespaces that may have routes here")
            elif plain and not _only_redirects(mesh, server):
                problem = f"serves {server.protocol} on {server.number} without TLS"
                mend = "add tls: {httpsRedirect: true}, or serve HTTPS"
                yield Hit(
                    gateway.obj, server.path, problem, mend, None if _takes_tokens(mesh, gateway) else INFO, ERROR
                )


def _only_redirects(mesh: MeshView, server: Server) -> bool:
    """Whether routes do what `httpsRedirect` would, but for the page of an ACME challenge (RFC 8555, section 8.3)."""
    if any(namespace == "*" for namespace, _ in server.hosts):
        return False  # a route that is not among these objects may be served here
    routes = [
        route for service in mesh.virtual_services if server.owner.key in service.gateways for route in service.http
    ]
    return bool(routes) and all(_is_redirect(route) or _is_challenge(route) for route in routes)


def _takes_tokens(mesh: MeshView, gateway: Gateway) -> bool:
    """Whether its pods validate tokens, or an MCP server is behind it: tokens then cross the network."""
    validated = any(
        mesh.authentications_by_selector.applying(namespace, gateway.selector)
        for namespace in mesh.authentication_namespaces
    )
    return validated or bool(mesh.hosts_at_gateway.get(gateway.key, set()) & mesh.mcp_hosts)


def _may_redirect_elsewhere(mesh: MeshView, server: Server) -> bool:
    """Whether its hosts are open to one namespace each, of which no object is in sight."""
    return all(
        namespace != "*" and not mesh.shows_namespace(namespace, but=("Gateway",)) for namespace, _ in server.hosts
    )


def _is_redirect(route: HttpRoute) -> bool:
    return text(route.raw, "redirect", "scheme") == "https"


def _is_challenge(route: HttpRoute) -> bool:
    paths = [text(match, "uri", "prefix") or text(match, "uri", "exact") for match in route.matches]
    return bool(paths) and all(path.startswith(CHALLENGE) for path in paths)
