"""A value that Istio's webhook refuses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from checks.rule import ERROR, Hit, rule
from checks.view.fields import Json, mapping, text, whole
from checks.view.strings import seconds

if TYPE_CHECKING:
    from checks.finding import Path
    from checks.rule import Hits
    from checks.view.manifest import Manifest
    from checks.view.mesh import MeshView
    from checks.view.routing import HttpRoute


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
    for route in mesh.http_routes:
        yield from _route(route)
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
    attempts = whole(route.raw, "retries", "attempts")
    if attempts == 0 and set(mapping(route.raw, "retries")) - {"attempts"}:
        where = (*route.path, "retries")
        yield Hit(
            route.obj,
            where,
            "has attempts: 0 and yet other settings",
            "leave only attempts: 0, which turns retries off",
        )
    for keys in (("directResponse", "status"), ("fault", "abort", "httpStatus")):
        status = whole(route.raw, *keys)
        if status is not None and not 200 <= status <= 599:
            yield Hit(route.obj, (*route.path, *keys), f"is {status}, no HTTP status", "write one from 200 to 599")
