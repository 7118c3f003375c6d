"""What istiod makes of a rule of Gateway API: routes as a VirtualService has them.

A match by `PathPrefix` is of whole segments, for which a VirtualService has no word: it is `pathPrefix` here.

Source: istiod's conversion (pilot/pkg/config/kube/gateway); gateway-api.sigs.k8s.io/reference/spec (HTTPRouteRule) for
the order of matches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from meshlint.view.fields import Json, elements, mapping, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshlint.view.gateway_api.routes import Backend, Route, Rule

Refused = str
"""Half a sentence why requests for a backend are answered with 500; empty where they are sent."""

ANY_ORIGIN = r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#]+$"

NO_BACKEND = "it has no backend with a weight"


_NOWHERE: Json = {"destination": {"host": "internal.cluster.local"}, "refused": NO_BACKEND}
"""What istiod writes where connections are refused."""


def http_routes(route: Route, refused: Callable[[Backend], Refused]) -> Iterator[tuple[Rule, Json]]:
    """Each rule of an HTTPRoute or GRPCRoute as istiod routes by it: once for each of its matches."""
    for position, rule in enumerate(route.rules):
        made = _without_match(route, rule, position, refused)
        everything: Json = {}
        # The API server writes the match of every path into an HTTPRoute that has none.
        for match in elements(rule.raw, "matches") or [everything]:
            found = _http_match(match) if route.kind == "HTTPRoute" else _grpc_match(match)
            yield rule, {**made, "match": [found]} if found else {**made}


def connection_routes(route: Route, refused: Callable[[Backend], Refused]) -> list[Json]:
    """The rules of a TLSRoute or TCPRoute, as `spec.tls` or `spec.tcp`."""
    found: list[Json] = []
    for rule in route.rules:
        made: Json = {"route": _destinations(rule, refused) or [_NOWHERE]}
        if route.kind == "TLSRoute":
            made["match"] = [{"sniHosts": list(route.hostnames) or ["*"]}]
        found.append(made)
    return found


def _without_match(route: Route, rule: Rule, position: int, refused: Callable[[Backend], Refused]) -> Json:
    made: Json = {"name": text(rule.raw, "name") or f"{route.obj.namespace}.{route.obj.name}.{position}"}
    redirect = next(rule.filters("RequestRedirect"), None)
    if redirect is not None:
        made["redirect"] = _redirect(redirect)
    rewrite = next(rule.filters("URLRewrite"), None)
    if rewrite is not None:
        made["rewrite"] = _rewrite(rewrite)
    cors = next(rule.filters("CORS"), None)
    if cors is not None:
        made["corsPolicy"] = {"allowOrigins": [_origin(one) for one in cors.get("allowOrigins") or () if one]}
    if request := text(rule.raw, "timeouts", "request") or text(rule.raw, "timeouts", "backendRequest"):
        made["timeout"] = request
    mirrors = [_destination(mirror) for mirror in rule.mirrors if not refused(mirror)]
    if mirrors:
        made["mirrors"] = [{"destination": one} for one in mirrors]
    if not any(backend.weight for backend in rule.backends):
        if redirect is None:
            made["directResponse"] = {"status": 500, "why": NO_BACKEND}
    else:
        made["route"] = _destinations(rule, refused)
    return made


def _destinations(rule: Rule, refused: Callable[[Backend], Refused]) -> list[Json]:
    weighted = [backend for backend in rule.backends if backend.weight]
    found: list[Json] = []
    for backend in weighted:
        entry: Json = {"destination": _destination(backend)}
        if len(weighted) > 1:
            entry["weight"] = backend.weight
        if why := refused(backend):
            entry["refused"] = why
        found.append(entry)
    return found


def _destination(backend: Backend) -> Json:
    to = backend.reference
    host = to.name if to.kind == "Hostname" else f"{to.name}.{to.namespace}.svc.cluster.local"
    return {"host": host.lower(), **({"port": {"number": backend.port}} if backend.port is not None else {})}


def _redirect(filtered: Json) -> Json:
    made: Json = {"redirectCode": whole(filtered, "statusCode") or 302}
    for name, ours in (("hostname", "authority"), ("scheme", "scheme"), ("port", "port")):
        if filtered.get(name) is not None:
            made[ours] = filtered[name]
    path = mapping(filtered, "path")
    if text(path, "type") == "ReplaceFullPath":
        made["uri"] = text(path, "replaceFullPath")
    elif text(path, "type") == "ReplacePrefixMatch":
        made["prefixRewrite"] = text(path, "replacePrefixMatch")
    return made


def _rewrite(filtered: Json) -> Json:
    made: Json = {}
    path = mapping(filtered, "path")
    if text(path, "type") == "ReplaceFullPath":
        made["uriRegexRewrite"] = {"match": "/.*", "rewrite": text(path, "replaceFullPath")}
    elif text(path, "type") == "ReplacePrefixMatch":
        made["uri"] = text(path, "replacePrefixMatch").removesuffix("/") or "/"
    if text(filtered, "hostname"):
        made["authority"] = text(filtered, "hostname")
    return made


def _origin(origin: str) -> Json:
    if origin == "*":
        return {"regex": ANY_ORIGIN}
    if "*" not in origin:
        return {"exact": origin}
    if origin.count("*") == 1 and origin.endswith("*"):
        return {"prefix": origin[:-1]}
    return {"regex": f"^{re.escape(origin).replace(re.escape('*'), '.*')}$"}


def _http_match(match: Json) -> Json:
    made: Json = {"uri": _path(mapping(match, "path"))}
    if text(match, "method"):
        made["method"] = {"exact": text(match, "method")}
    for block in ("headers", "queryParams"):
        named = _named(elements(match, block), lower=block == "headers")
        if named:
            made[block] = named
    return made


def _path(path: Json) -> Json:
    value = text(path, "value") or "/"
    match text(path, "type"):
        case "Exact":
            return {"exact": value}
        case "RegularExpression":
            return {"regex": value}
        case _:
            return {"pathPrefix": value if value == "/" else value.removesuffix("/")}


def _named(listed: list[Json], *, lower: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for one in listed:
        name = text(one, "name").lower() if lower else text(one, "name")
        kind = "regex" if text(one, "type") == "RegularExpression" else "exact"
        # Of two entries for one name only the first one counts.
        made.setdefault(name, {kind: text(one, "value")})
    return made


def _grpc_match(match: Json) -> Json:
    made: Json = {}
    method = mapping(match, "method")
    service, name = text(method, "service"), text(method, "method")
    if text(method, "type") == "RegularExpression":
        made["uri"] = {"regex": f"/{service or '[^/]+'}/{name or '.+'}"}
    elif service and name:
        made["uri"] = {"exact": f"/{service}/{name}"}
    elif service:
        made["uri"] = {"prefix": f"/{service}/"}
    elif name:
        made["uri"] = {"regex": f"/[^/]+/{name}"}
    headers = _named(elements(match, "headers"), lower=True)
    if headers:
        made["headers"] = headers
    return made


_RANKS = {"exact": 3, "prefix": 2, "pathPrefix": 2, "regex": 1}


def precedence(made: Json) -> tuple[int, ...]:
    """Sort key of the routes of a host: by path (exact, then prefix, then regular expression; longer ones first), then
    whether there is a method, then the number of headers and of query parameters. Equal ones keep their order."""
    matches = elements(made, "match")
    if not matches:
        return (1,)
    match = matches[0]
    uri = mapping(match, "uri")
    kind = next(iter(uri), "")
    return (
        0,
        -_RANKS.get(kind, -1),
        -len(uri.get(kind, "")),
        0 if "method" in match else 1,
        -len(mapping(match, "headers")),
        -len(mapping(match, "queryParams")),
    )
