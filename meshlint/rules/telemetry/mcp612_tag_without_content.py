"""A tag or sampling that is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, number

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP612",
    WARNING,
    "A tag or sampling that is empty",
    symptoms=("a setting has no effect",),
    why="""
A tag of a span needs a literal, a header, an environment variable or a formatter.
A sampling of 0 switches tracing off, and the tags beside it are for nothing.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: tracing, namespace: shop}
spec:
  tracing:
  - providers: [{name: tempo}]
    randomSamplingPercentage: 5
    customTags: {outcome: {}}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: tracing, namespace: shop}
spec:
  tracing:
  - providers: [{name: tempo}]
    randomSamplingPercentage: 5
    customTags: {outcome: {header: {name: x-outcome}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/telemetry/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("Telemetry"):
        for position, tracing in enumerate(elements(obj.spec, "tracing")):
            path: Path = ("spec", "tracing", position)
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
