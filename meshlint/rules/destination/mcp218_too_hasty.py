"""Timeouts and intervals too short to be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import value
from meshlint.view.strings import seconds

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP218",
    WARNING,
    "Timeouts and intervals too short to be meant",
    symptoms=("503 with flag UF", "a short fault becomes an outage"),
    why="""
A `connectTimeout` below 100 milliseconds fails on a busy network; an outlier detection `interval` or
`baseEjectionTime` below a second ejects and returns endpoints faster than anything can recover. Mostly a unit was
mistaken (`3ms` for `3s`).
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3ms}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            for keys, least in LEAST.items():
                length = seconds(value(policy, *keys))
                if length is not None and 0.001 <= length < least:
                    yield Hit(rule_.obj, (*path, *keys), f"is {value(policy, *keys)}", f"write at least {least:g}s")
    for route in mesh.http_routes:
        age = seconds(value(route.raw, "corsPolicy", "maxAge"))
        if age is not None and 0.001 <= age < 1:
            where = (*route.path, "corsPolicy", "maxAge")
            yield Hit(route.obj, where, "is below a second, which browsers read as 0", "write hours, such as 24h")


LEAST = {
    ("connectionPool", "tcp", "connectTimeout"): 0.1,
    ("outlierDetection", "interval"): 1.0,
    ("outlierDetection", "baseEjectionTime"): 1.0,
}
