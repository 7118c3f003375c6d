"""A value that the chart does not read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from meshlint import schemas
from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import Json, mapping

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP702",
    WARNING,
    "A value that the chart does not read",
    symptoms=("a setting has no effect", "istioctl refuses the installation"),
    why="""
Only the gateway chart has a schema, and only for its top level; every other unknown value is ignored without a word.
istioctl refuses unknown values of an IstioOperator. The names here are those that the pinned charts' values and
templates hold.
""",
    bad="""
# values of the istiod chart
autoscaleMinimum: 2
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    good="""
# values of the istiod chart
autoscaleMin: 2
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://github.com/istio/istio/tree/master/manifests/charts",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    tables = schemas.load("chart_values")
    for chart in mesh.charts:
        if chart.name in tables:
            what = f"is no value of the {chart.name} chart, so it is ignored"
            yield from _walk(chart.obj, chart.path, chart.values, tables[chart.name], what)
    for operator in mesh.istio_operators:
        what = "is no value that istioctl knows, and it refuses the file"
        values = mapping(operator.spec, "values")
        yield from _walk(operator, ("spec", "values"), values, tables["IstioOperator"], what)


def _walk(obj: Manifest, path: Path, values: Json, known: Any, what: str) -> Hits:
    if not isinstance(known, dict):
        return
    table = cast("dict[str, Any]", known)
    for name, inner in values.items():
        if name not in table:
            similar = get_close_matches(str(name), table, n=1)
            mend = f"did you mean {similar[0]}?" if similar else "remove it"
            yield Hit(obj, (*path, str(name)), what, mend)
        elif isinstance(inner, dict):
            yield from _walk(obj, (*path, name), cast("Json", inner), table[name], what)
