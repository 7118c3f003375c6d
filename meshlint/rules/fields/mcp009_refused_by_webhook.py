"""A value that Istio's webhook refuses."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import Json, elements, mapping, strings, text, whole
from meshlint.view.hosts import covers
from meshlint.view.strings import METHODS, seconds

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute, VirtualService


@rule(
    "MCP009",
    ERROR,
    "A value that Istio's webhook refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows the value, Istio's validating webhook does not: a duration below one millisecond or with a fraction
of one, a route that both forwards and answers by itself, weights that sum to zero, an HTTP status that does not
exist. To have no timeout, leave `timeout` out: `0s` is refused.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - timeout: 0s
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",),
)
def check(mesh: MeshView) -> Hits:
    for owner in mesh.virtual_services:
        yield from _service(owner)
    for route in mesh.http_routes:
        yield from _route(route)
        yield from _matches(route)
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            for keys in POLICY_DURATIONS:
                yield from _duration(rule_.obj, path, policy, keys)
        names = Counter(subset.name for subset in rule_.subsets)
        for subset in rule_.subsets:
            if names[subset.name] > 1:
                problem = f"is {subset.name!r}, which another subset of this rule has too"
                yield Hit(rule_.obj, (*subset.path, "name"), problem, "name each subset once")


ROUTE_DURATIONS = (
    ("timeout",), ("retries", "perTryTimeout"), ("corsPolicy", "maxAge"), ("fault", "delay", "fixedDelay"),
)  # fmt: skip
POLICY_DURATIONS = (
    ("connectionPool", "tcp", "connectTimeout"),
    ("connectionPool", "http", "idleTimeout"),
    ("outlierDetection", "interval"),
    ("outlierDetection", "baseEjectionTime"),
)


def _duration(obj: Manifest, path: Path, raw: Json, keys: tuple[str, ...]) -> Hits:
    written = text(raw, *keys)
    if not written:
        return
    length = seconds(written)
    where = (*path, *keys)
    if length is None:
        yield Hit(obj, where, f"is {written!r}, which is no duration", "write a number and a unit, as in 1.5s or 300ms")
    elif length < 0.001:
        mend = (
            "leave it out for no limit"
            if keys in (("timeout",), ("retries", "perTryTimeout"))
            else "write at least 1ms"
        )
        yield Hit(obj, where, f"is {written}, below the least allowed 1ms", mend)


def _route(route: HttpRoute) -> Hits:
    for keys in ROUTE_DURATIONS:
        yield from _duration(route.obj, route.path, route.raw, keys)
    answers = [name for name in ("route", "redirect", "directResponse", "delegate") if route.raw.get(name)]
    if len(answers) > 1:
        problem = f"has {' and '.join(answers)}, of which a route can have one"
        yield Hit(route.obj, route.path, problem, "split it into two routes")
    if not answers:
        problem = "neither forwards, redirects, answers nor delegates"
        yield Hit(route.obj, route.path, problem, "add route, redirect, directResponse or delegate")
    weights = [destination.weight for destination in route.destinations]
    if len(weights) > 1 and not any(weights):
        yield Hit(
            route.obj, (*route.path, "route"), "has weights that sum to 0", "give at least one destination a weight"
        )
    for number_, weight in enumerate(weights):
        if weight is not None and weight < 0:
            where = (*route.path, "route", number_, "weight")
            yield Hit(route.obj, where, f"is {weight}, below 0", "write a weight of 0 or more")
    attempts = whole(route.raw, "retries", "attempts") or 0
    if attempts == 0 and set(mapping(route.raw, "retries")) - {"attempts"}:
        where = (*route.path, "retries")
        yield Hit(
            route.obj,
            where,
            "has no attempts and yet other settings",
            "write attempts, or leave only attempts: 0, which turns retries off",
        )
    for keys in (("directResponse", "status"), ("fault", "abort", "httpStatus")):
        status = whole(route.raw, *keys)
        if status is not None and not 200 <= status <= 599:
            yield Hit(route.obj, (*route.path, *keys), f"is {status}, no HTTP status", "write one from 200 to 599")


def _service(owner: VirtualService) -> Hits:
    spec = owner.obj.spec
    if not owner.hosts and (owner.on_gateway or "hosts" in spec or spec.get("gateways")):
        yield Hit(owner.obj, ("spec", "hosts"), "is empty", "name the hosts (only a delegate has none)")
    if not any(spec.get(block) for block in ("http", "tls", "tcp")):
        yield Hit(owner.obj, ("spec",), "has neither http, tls nor tcp routes", "add a route, or remove the object")
    for position, route in enumerate(elements(spec, "tls")):
        path: Path = ("spec", "tls", position)
        if not elements(route, "match"):
            yield Hit(owner.obj, (*path, "match"), "is empty on a TLS route", "add match: [{sniHosts: [HOST]}]")
        if not elements(route, "route"):
            yield Hit(owner.obj, (*path, "route"), "is empty, so there is nowhere to go", "add a destination")
        for number_, match in enumerate(elements(route, "match")):
            names = strings(match, "sniHosts")
            where = (*path, "match", number_, "sniHosts")
            if not names:
                yield Hit(owner.obj, where, "is empty", "name the hosts to route by SNI")
            for index, name in enumerate(names):
                if not any(covers(host, name.lower()) for host in owner.fqdns):
                    problem = f"is {name!r}, which spec.hosts does not cover"
                    yield Hit(owner.obj, (*where, index), problem, "use a host of this VirtualService")


def _matches(route: HttpRoute) -> Hits:
    for position, match in enumerate(route.matches):
        path: Path = (*route.path, "match", position)
        if not match:
            yield Hit(route.obj, path, "is empty", "add a condition, or remove the whole match")
        for field in ("uri", "method", "authority", "scheme"):
            if field in match and not mapping(match, field):
                yield Hit(route.obj, (*path, field), "says nothing", "write exact, prefix or regex")
        method = mapping(match, "method")
        named = [text(method, "exact")] if "exact" in method else re.split(r"[|()]+", text(method, "regex"))
        for name in named:
            if name and name.isalpha() and name not in METHODS:
                similar = get_close_matches(name.upper(), METHODS, n=1)
                mend = f"did you mean {similar[0]}?" if similar else "write a method in capitals"
                yield Hit(route.obj, (*path, "method"), f"names {name!r}, which is no HTTP method", mend)
