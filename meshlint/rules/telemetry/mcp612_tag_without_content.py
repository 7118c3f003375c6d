"""A tag, filter or sampling that is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import Json, elements, mapping, number, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP612",
    ERROR,
    "A tag, filter or sampling that is empty",
    symptoms=("a setting has no effect", "the API server refuses the object"),
    why="""
A metric tag that is upserted needs a value, one that is removed has none; a span tag needs a literal, a header, an
environment variable or a formatter; an access log filter needs an expression. A sampling of 0 switches tracing off,
and the tags beside it are for nothing.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {outcome: {operation: UPSERT}}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {outcome: {operation: UPSERT, value: "response.code >= 500 ? 'error' : 'ok'"}}
""",
    sources=("https://istio.io/latest/docs/reference/config/telemetry/",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("Telemetry"):
        for position, metrics in enumerate(elements(obj.spec, "metrics")):
            for number_, override in enumerate(elements(metrics, "overrides")):
                path: Path = ("spec", "metrics", position, "overrides", number_, "tagOverrides")
                yield from _tags(obj, path, mapping(override, "tagOverrides"))
        for position, tracing in enumerate(elements(obj.spec, "tracing")):
            path = ("spec", "tracing", position)
            tags = mapping(tracing, "customTags")
            for name in tags:
                if not mapping(tags, name):
                    where = (*path, "customTags", name)
                    yield Hit(obj, where, "is empty", "add header, literal, environment or formatter")
            if number(tracing, "randomSamplingPercentage") == 0 and tags:
                where = (*path, "randomSamplingPercentage")
                yield Hit(
                    obj, where, "is 0, so no span carries the tags beside it", "write 1, or remove the tags", WARNING
                )
        for position, logging in enumerate(elements(obj.spec, "accessLogging")):
            if "filter" in logging and not text(logging, "filter", "expression"):
                yield Hit(obj, ("spec", "accessLogging", position, "filter"), "is empty", "write an expression")


def _tags(obj: Manifest, path: Path, tags: Json) -> Hits:
    for name in tags:
        operation, written = text(tags, name, "operation") or "UPSERT", text(tags, name, "value")
        if operation == "UPSERT" and not written:
            yield Hit(obj, (*path, name, "value"), "is absent on a tag that is to be set", "write an expression")
        if operation == "REMOVE" and written:
            yield Hit(
                obj, (*path, name, "value"), "stands on a tag that is removed", "remove the value, or the operation"
            )
