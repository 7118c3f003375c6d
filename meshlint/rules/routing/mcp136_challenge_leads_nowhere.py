"""A challenge that leads nowhere, or to everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import mapping, text, whole
from meshlint.view.hosts import covers
from meshlint.view.routing import match_takes_path
from meshlint.view.strings import METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute, VirtualService


@rule(
    "MCP136",
    ERROR,
    "A challenge that leads nowhere, or to everybody",
    symptoms=("ChatGPT never asks the user to log in", "every request is challenged although the token is valid"),
    why="""
`resource_metadata` in `WWW-Authenticate` has to be a URL that a route answers. A challenge for a path that no route
forwards keeps clients in a circle of logins; one without a path takes every request that no route above it took. And
a 405 has to name what is allowed (RFC 9110).
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tools, namespace: chat}
spec:
  hosts: [tools.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {exact: /rpc}}]
    directResponse: {status: 401}
    headers:
      response: {set: {www-authenticate: 'Bearer resource_metadata="https://tools.example.com/.well-known/x"'}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tools, namespace: chat}
spec:
  hosts: [tools.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /.well-known/}}]
    route: [{destination: {host: tools}}]
  - match: [{uri: {exact: /rpc}, headers: {authorization: {prefix: "Bearer "}}}]
    route: [{destination: {host: tools}}]
  - match: [{uri: {exact: /rpc}}]
    directResponse: {status: 401}
    headers:
      response: {set: {www-authenticate: 'Bearer resource_metadata="https://tools.example.com/.well-known/x"'}}
""",
    sources=(
        "https://www.rfc-editor.org/rfc/rfc9728#name-use-of-www-authenticate-for",
        "https://www.rfc-editor.org/rfc/rfc9110#name-405-method-not-allowed",
    ),
)
def check(mesh: MeshView) -> Hits:
    for service in mesh.virtual_services:
        for route in service.http:
            status = whole(route.raw, "directResponse", "status")
            headers = {
                name.lower(): str(said) for name, said in mapping(route.raw, "headers", "response", "set").items()
            }
            if status == 405:
                yield from _paths(service, route)
            if (
                status is not None
                and status != 405
                and "allow" in headers
                and "access-control-allow-origin" not in headers
            ):
                where = (*route.path, "directResponse", "status")
                yield Hit(route.obj, where, f"is {status} beside an Allow header", "answer 405", WARNING)
            if status == 405 and "allow" not in headers:
                where = (*route.path, "headers", "response", "set", "allow")
                yield Hit(route.obj, where, "is absent on an answer 405", "list the methods that are allowed", WARNING)
            if status == 405 and "allow" in headers:
                yield from _allow(route, headers["allow"])
            if status == 401:
                yield from _challenge(service, route, headers.get("www-authenticate", ""))


def _allow(route: HttpRoute, written: str) -> Hits:
    listed = {name.strip() for name in written.split(",")}
    where = (*route.path, "headers", "response", "set", "allow")
    unknown = sorted(listed - set(METHODS))
    if unknown:
        yield Hit(route.obj, where, f"lists {', '.join(unknown)}, no HTTP method", "list methods in capitals")


def _paths(service: VirtualService, route: HttpRoute) -> Hits:
    if not route.matches or any(not mapping(match, "uri") for match in route.matches):
        yield Hit(route.obj, route.path, "answers 405 to every path", "match the path whose methods it is about")
    for match in route.matches:
        path = text(match, "uri", "exact")
        if path and not any(_has_content(other) and other.takes_path(path) for other in service.http):
            problem = f"answers 405 for {path}, which no route answers with any method"
            yield Hit(route.obj, (*route.path, "match"), problem, "match the path that is forwarded")


def _leads_on(route: HttpRoute) -> bool:
    """Whether it forwards requests, itself or by the VirtualService that it delegates to."""
    return bool(route.destinations) or "delegate" in route.raw


def _has_content(route: HttpRoute) -> bool:
    """Whether something is there: the route leads on, or the gateway itself answers with more than a refusal."""
    status = whole(route.raw, "directResponse", "status")
    return _leads_on(route) or "redirect" in route.raw or (status is not None and status not in REFUSALS)


REFUSALS = (401, 403, 405)

CHALLENGE = re.compile(r'Bearer(?: [a-z_]+="[^"]*"(?:, ?[a-z_]+="[^"]*")*)?')
METADATA = re.compile(r'resource_metadata="([^"]*)"')


def _challenge(service: VirtualService, route: HttpRoute, written: str) -> Hits:
    where = (*route.path, "headers", "response", "set", "www-authenticate")
    if not route.matches or any(not mapping(match, "uri") for match in route.matches):
        yield Hit(route.obj, route.path, "challenges every path", "match the path of the MCP endpoint")
    for match in route.matches:
        path = text(match, "uri", "exact")
        forwards = any(_leads_on(other) and other.takes_path(path) for other in service.http)
        if path and not forwards:
            problem = f"challenges {path}, and no route forwards it whatever the token"
            yield Hit(route.obj, (*route.path, "match"), problem, "add the route for valid tokens above it")
    if written.startswith("Bearer") and CHALLENGE.fullmatch(written) is None:
        yield Hit(route.obj, where, 'is not of the form Bearer name="value", ...', "correct the header")
    found = METADATA.search(written)
    if found is None:
        return
    host, _, rest = found[1].partition("://")[2].partition("/")
    if not any(covers(pattern, host) for pattern in service.fqdns):
        # Another host may serve it; whether it does is not ours to see.
        return
    served = any(other is not route and _names(other, f"/{rest}") for other in service.http)
    if not served:
        yield Hit(route.obj, where, f"points to {found[1]}, which no route answers", "serve the metadata there")


def _names(route: HttpRoute, path: str) -> bool:
    return any(mapping(match, "uri") and match_takes_path(match, path) for match in route.matches)
