"""Tracing of every request in production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.charts import environment_variables
from meshlint.view.fields import elements, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP606",
    INFO,
    "Tracing of every request in production",
    symptoms=("proxies use more and more memory", "the tracing backend is overloaded"),
    why="""
Full sampling costs CPU in each proxy, bandwidth, and storage of every request's headers and tags. Sample 1 per cent;
errors can be kept by tail sampling in the collector. Several places can set it: a Telemetry wins over the mesh's
default.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing:
  - providers: [{name: otel}]
    randomSamplingPercentage: 100
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing:
  - providers: [{name: otel}]
    randomSamplingPercentage: 1
""",
    sources=("https://istio.io/latest/docs/tasks/observability/distributed-tracing/sampling/",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    if not mesh.environment.production:
        return
    for obj, path, share in _shares(mesh):
        if share > MANY:
            yield Hit(
                obj, path, f"is {share:g}, so that much of production is traced", "write 1, or accept it with a date"
            )


MANY = 20.0


def _shares(mesh: MeshView) -> Iterator[tuple[Manifest, Path, float]]:
    for obj in mesh.istio("Telemetry"):
        for position, tracing in enumerate(elements(obj.spec, "tracing")):
            share = number(tracing, "randomSamplingPercentage")
            if share is not None:
                yield obj, ("spec", "tracing", position, "randomSamplingPercentage"), share
    for config in mesh.mesh_configs:
        share = number(config.values, "defaultConfig", "tracing", "sampling")
        if share is not None:
            yield config.obj, (*config.path, "defaultConfig", "tracing", "sampling"), share
    for chart in mesh.charts_named("istiod"):
        for keys in (("traceSampling",), ("pilot", "traceSampling")):
            share = number(chart.values, *keys)
            if share is not None:
                yield chart.obj, (*chart.path, *keys), share
    for obj, path, name, content in environment_variables(mesh):
        if name == "PILOT_TRACE_SAMPLING" and content.replace(".", "", 1).isdecimal():
            yield obj, path, float(content)
