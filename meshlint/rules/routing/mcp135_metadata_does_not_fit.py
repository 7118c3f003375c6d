"""Protected resource metadata that does not fit the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import mapping, strings, text, whole
from meshlint.view.hosts import covers
from meshlint.view.strings import methods_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute, VirtualService


@rule(
    "MCP135",
    ERROR,
    "Protected resource metadata that does not fit the server",
    symptoms=("ChatGPT never asks the user to log in", "every token is answered with 401"),
    why="""
RFC 9728 metadata has to be JSON with status 200 and content type `application/json`; its `resource` has to be the
server's own URI, and its `authorization_servers` the issuers whose tokens are accepted. Clients ask for both
well-known forms, with the path and without.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /.well-known/oauth-protected-resource}, method: {exact: GET}}]
    directResponse: {status: 200, body: {string: '{"resource": "https://other.example.com/mcp"}'}}
    headers: {response: {set: {content-type: application/json}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /.well-known/oauth-protected-resource}, method: {exact: GET}}]
    directResponse:
      status: 200
      body: {string: '{"resource": "https://mcp.example.com/mcp", "authorization_servers": ["https://auth.example.com"]}'}
    headers: {response: {set: {content-type: application/json}}}
""",
    sources=("https://www.rfc-editor.org/rfc/rfc9728#name-protected-resource-metadata-",),
)
def check(mesh: MeshView) -> Hits:
    issuers = {text(jwt.raw, "issuer") for found in mesh.request_authentications for jwt in found.rules}
    for service in mesh.virtual_services:
        answered: list[str] = []
        for route in service.http:
            asked = [match for match in route.matches if methods_of(match) - {"OPTIONS"}]
            forms = [text(match, "uri", kind) for match in asked for kind in ("exact", "prefix")]
            known = [form for form in forms if form.startswith(WELL_KNOWN)]
            if not known or "directResponse" not in route.raw:
                continue
            answered += known
            yield from _answer(route)
            yield from _body(service, route, issuers)
        if answered and WELL_KNOWN not in answered:
            yield Hit(service.obj, service.http[0].path, f"leaves out {WELL_KNOWN}", "serve both forms of the path")
        paths = [form for form in answered if form != WELL_KNOWN]
        wanted = [path for path in mesh.environment.mcp_paths if path.strip("/") and serves(service, path)]
        if answered and not paths and wanted and not route_prefix(service):
            path = wanted[0]
            yield Hit(
                service.obj, service.http[0].path, f"leaves out {WELL_KNOWN}{path}", "serve both forms of the path"
            )
        for form in paths:
            path = form.removeprefix(WELL_KNOWN)
            # RFC 9728 asks for the metadata of any protected resource, so of a REST API's paths too.
            if path not in mesh.environment.mcp_paths and not serves(service, path):
                known_paths = ", ".join(f"{WELL_KNOWN}{path}" for path in mesh.environment.mcp_paths) or WELL_KNOWN
                yield Hit(
                    service.obj, ("spec", "http"), f"serves {form}, for which nobody asks", f"serve {known_paths}"
                )


WELL_KNOWN = "/.well-known/oauth-protected-resource"


def serves(service: VirtualService, path: str) -> bool:
    """Whether one of its routes leads on for the path."""
    return any((route.destinations or "delegate" in route.raw) and route.takes_path(path) for route in service.http)


def route_prefix(service: VirtualService) -> bool:
    """Whether one prefix takes both forms."""
    return any(text(match, "uri", "prefix") == WELL_KNOWN for route in service.http for match in route.matches)


def _answer(route: HttpRoute) -> Hits:
    status = whole(route.raw, "directResponse", "status")
    if status != 200:
        yield Hit(route.obj, (*route.path, "directResponse", "status"), f"is {status}", "answer metadata with 200")
    kinds = [
        said
        for name, said in mapping(route.raw, "headers", "response", "set").items()
        if name.lower() == "content-type"
    ]
    if kinds != ["application/json"] and text(route.raw, "directResponse", "body", "string"):
        shown = f"is {kinds[0]}" if kinds else "is absent"
        where = (*route.path, "headers", "response", "set", "content-type")
        yield Hit(route.obj, where, shown, "set it to application/json", WARNING if not kinds else None)
    for position, match in enumerate(route.matches):
        if not methods_of(match) & {"GET"}:
            yield Hit(route.obj, (*route.path, "match", position, "method"), "does not take GET", "match GET")


def _body(service: VirtualService, route: HttpRoute, issuers: set[str]) -> Hits:
    where = (*route.path, "directResponse", "body", "string")
    try:
        body: object = json.loads(text(route.raw, "directResponse", "body", "string"))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        yield Hit(route.obj, where, "is not a JSON object", "write the metadata of RFC 9728")
        return
    resource = text(body, "resource")
    host = resource.partition("://")[2].partition("/")[0]
    if not any(covers(pattern, host) for pattern in service.fqdns):
        yield Hit(
            route.obj, where, f"names the resource {resource!r}, which is not of this host", "name this server's URI"
        )
    servers = strings(body, "authorization_servers")
    foreign = [
        server for server in servers if issuers and server.rstrip("/") not in {name.rstrip("/") for name in issuers}
    ]
    if foreign:
        problem = f"names the authorization server {foreign[0]}, whose tokens no RequestAuthentication accepts"
        mend = f"the accepted issuers are {', '.join(sorted(issuers))}"
        # A server in front of the issuer, that registers clients for it, is the one case in which this is meant.
        yield Hit(route.obj, where, problem, mend, WARNING)
