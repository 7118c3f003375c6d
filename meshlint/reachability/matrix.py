"""The questions that are worth asking of a mesh, and the table of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.reachability.answer import answer
from meshlint.reachability.identities import service_accounts
from meshlint.reachability.request import INTERNET, PLAINTEXT, Answer, Request, Token
from meshlint.view.fields import strings, text
from meshlint.view.hosts import covers
from meshlint.view.token_claims import AUDIENCE_CLAIMS, exact_claims

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meshlint.view.mesh import MeshView

METHODS = ("GET", "POST", "DELETE")
UNDECLARED = "/undeclared"
"""A path that no object names: who may ask for it may ask for everything."""

PROBES = ("/", "/metrics", UNDECLARED)
"""Paths that are asked for at every host, beside those that its objects name."""

FOREIGN = Token({"iss": "https://foreign.example.net", "sub": "somebody", "aud": "https://foreign.example.net"})
"""A genuine token of an issuer that no mesh knows."""


@dataclass(frozen=True, slots=True)
class Axes:
    """What the matrix is asked for: every combination of these."""

    callers: Sequence[str]
    hosts: Sequence[str]
    methods: Sequence[str] = METHODS
    paths: Sequence[str] = ()
    """Empty: the paths that the objects name, and a few that they should not open."""
    tokens: Sequence[Token | None] = ()
    """Empty: none, a good one for the host, and a foreign one."""
    port: int | None = None


def callers_of(mesh: MeshView) -> list[str]:
    """Everybody whom the objects know: clients outside, pods without a sidecar, and each service account."""
    return [INTERNET, PLAINTEXT, *sorted("/".join(account) for account in service_accounts(mesh))]


def hosts_of(mesh: MeshView, caller: str) -> list[str]:
    """The hosts that a caller may try: those of gateways from outside, Services and service entries from inside."""
    if caller == INTERNET:
        named = {host for service in mesh.programmed_services if service.on_gateway for host in service.hosts}
        # A route of Gateway API without hosts has those of its listeners.
        anywhere = {key for service in mesh.programmed_services if "*" in service.hosts for key in service.gateways}
        named |= {
            host
            for gateway in mesh.programmed_gateways
            if gateway.key in anywhere
            for server in gateway.servers
            for _, host in server.hosts
        }
        return sorted(host for host in named if not host.startswith("*"))
    return mesh.once(("hosts inside", caller == PLAINTEXT), lambda: _hosts_inside(mesh, caller))


def _hosts_inside(mesh: MeshView, caller: str) -> list[str]:
    inside = {service.fqdn for service in mesh.services}
    inside |= {
        destination.fqdn
        for route in mesh.programmed_routes
        for destination in route.destinations
        if destination.fqdn.endswith(".svc.cluster.local")
    }
    if caller == PLAINTEXT:
        return sorted(inside)
    return sorted(inside | {host for host in mesh.service_entries_by_host if not host.startswith("*")})


def paths_of(mesh: MeshView, host: str) -> list[str]:
    """The paths that routes and policies name, and a few that nothing should open."""
    return mesh.once(("paths of", host), lambda: _paths_of(mesh, host))


def _paths_of(mesh: MeshView, host: str) -> list[str]:
    found = set(PROBES)
    homes = {service.obj.namespace for service in (mesh.service_by_fqdn.get(host),) if service}
    for owner in mesh.programmed_services_of(host):
        for route in owner.http:
            homes |= {destination.fqdn.split(".")[1] for destination in route.destinations if "." in destination.fqdn}
            for match in route.matches:
                found |= {text(match, "uri", kind) for kind in ("exact", "prefix", "pathPrefix")}
    for namespace in homes:
        for policy in mesh.policies_by_namespace.get(namespace, ()):
            for rule in policy.rules:
                for operation in rule.operations:
                    found |= {path.rstrip("*") for path in strings(operation.raw, "paths") if path.startswith("/")}
    return sorted(path for path in found if path.startswith("/"))


def good_token(mesh: MeshView, host: str) -> Token | None:
    """A token that the mesh should take for a host: its issuer, and the audience or client that its routes ask for."""
    issuer = next(
        (text(rule.raw, "issuer") for authentication in mesh.request_authentications for rule in authentication.rules),
        "",
    )
    if not issuer:
        return None
    claims: dict[str, object] = {"iss": issuer, "sub": "somebody"}
    for route in (route for owner in mesh.programmed_services_of(host) for route in owner.http):
        for match in route.matches:
            compared = exact_claims(match)
            if issuer in compared.get("iss", (issuer,)):
                claims |= {name: values[0] for name, values in compared.items() if name in AUDIENCE_CLAIMS}
    audiences = [
        name for a in mesh.request_authentications for rule in a.rules for name in strings(rule.raw, "audiences")
    ]
    if claims.keys().isdisjoint(AUDIENCE_CLAIMS) and audiences:
        claims["aud"] = audiences[0]
    return Token(claims)


def requests(mesh: MeshView, axes: Axes) -> Iterator[Request]:
    """Every combination of the axes that a client could really send."""
    for caller in axes.callers:
        for host in axes.hosts or hosts_of(mesh, caller):
            for path in axes.paths or paths_of(mesh, host):
                for method in axes.methods:
                    for token in axes.tokens or _tokens(mesh, host, caller):
                        yield Request(caller, host, path, method, axes.port or _port(mesh, caller, host), token)


def _tokens(mesh: MeshView, host: str, caller: str) -> list[Token | None]:
    good = good_token(mesh, host) if caller == INTERNET else None
    return [None] if good is None else [None, good, FOREIGN]


def _port(mesh: MeshView, caller: str, host: str) -> int:
    if caller == INTERNET:
        return mesh.once(("internet port", host), lambda: _port_outside(mesh, host))
    return mesh.once(("port inside", host), lambda: _port_inside(mesh, host))


def _port_inside(mesh: MeshView, host: str) -> int:
    service = mesh.service_by_fqdn.get(host)
    if service is not None and service.ports:
        return service.ports[0].number
    entries = mesh.entries_for(host)
    if entries and entries[0].ports:
        return entries[0].ports[0].number
    routed = (d.port for route in mesh.programmed_routes for d in route.destinations if d.fqdn == host and d.port)
    return next(routed, 443)


def _port_outside(mesh: MeshView, host: str) -> int:
    listening = [
        server.number
        for gateway in mesh.programmed_gateways
        for server in gateway.servers
        if any(covers(pattern.lower(), host) for _, pattern in server.hosts)
    ]
    return 443 if 443 in listening or not listening else min(listening)


@dataclass(frozen=True, slots=True)
class Row:
    """Requests that differ only in method and get the same answer."""

    request: Request
    methods: tuple[str, ...]
    answer: Answer


def rows(mesh: MeshView, asked: Iterable[Request]) -> list[Row]:
    """The table: an answer for each request, methods with the same answer in one row."""
    found: dict[tuple[object, ...], list[Request]] = {}
    answers: dict[tuple[object, ...], Answer] = {}
    for request in asked:
        verdict = answer(mesh, request)
        key = (request.caller, request.host, request.path, token_name(request.token), verdict)
        found.setdefault(key, []).append(request)
        answers[key] = verdict
    return [Row(group[0], tuple(request.method for request in group), answers[key]) for key, group in found.items()]


def token_name(token: Token | None) -> str:
    """How a table calls a token: by its issuer, and what makes it differ from a plain one."""
    if token is None:
        return "none"
    if not token.genuine:
        return "forged"
    scope = token.claims.get("scope")
    return (token.issuer or "without issuer") + (f" scope {scope}" if scope else "")


def token_from(written: str) -> Token | None:
    """A token as a command line says it: `none`, `forged`, or `iss=...,sub=...,aud=...,scope=a b`.

    Raises:
        ValueError: where a part has no `=`.
    """
    if written == "none":
        return None
    if written == "forged":
        return Token({"iss": "https://foreign.example.net"}, genuine=False)
    claims: dict[str, object] = {"sub": "somebody"}
    for part in written.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(
                f"{part!r} is no claim; write none, forged, or claims as in iss=https://a,aud=https://b/mcp"
            )
        claims[name.strip()] = value
    return Token(claims)
