"""An EnvoyFilter that matches names istiod makes up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import elements, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP802",
    INFO,
    "An EnvoyFilter that matches names istiod makes up",
    symptoms=("a filter stops working after an upgrade",),
    why="""
Names of virtual hosts (`host:443`), routes, listeners (`0.0.0.0_8080`) and clusters (`outbound|80||...`) are internal
to istiod and change with ports and versions; a patch whose match finds nothing does nothing, without a word. Match
filters by their canonical names, and prefer a filter's own settings to patches of virtual hosts.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: VIRTUAL_HOST
    match: {context: GATEWAY, routeConfiguration: {vhost: {name: "shop.example.com:443"}}}
    patch: {operation: MERGE, value: {include_request_attempt_count: true}}
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: VIRTUAL_HOST
    match: {context: GATEWAY}
    patch: {operation: MERGE, value: {include_request_attempt_count: true}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/envoy-filter/",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            for keys in INTERNAL:
                written = text(patch, "match", *keys)
                if written:
                    where = ("spec", "configPatches", position, "match", *keys)
                    problem = f"is {written!r}, a name that istiod makes and may change"
                    yield Hit(obj, where, problem, "match by context, port and canonical filter names")


INTERNAL = (
    ("listener", "name"), ("routeConfiguration", "name"), ("routeConfiguration", "vhost", "name"),
    ("cluster", "name"),
)  # fmt: skip
