"""A value of the wrong type, or not among the allowed ones."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.schemas.conform import Misfit
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP004",
    ERROR,
    "A value of the wrong type, or not among the allowed ones",
    symptoms=("the API server refuses the object", "istiod ignores the mesh configuration"),
    why="""
The API server refuses the object as a whole. Unquoted YAML is the usual cause: `true`, `8080` and `1.0` are not
strings, and the header value `"true"` needs its quotes. The rest of the object was checked as if the value were
absent.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{headers: {x-version: {exact: 2}}}]
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{headers: {x-version: {exact: "2"}}}]
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.objects:
        for misfit in obj.misfits:
            if misfit.kind != "unknown":
                yield _hit(obj, misfit)
    for config in mesh.mesh_configs:
        for misfit in config.misfits:
            # istioctl makes text of the environment's numbers and truth values.
            converted = config.obj.kind == "IstioOperator" and "proxyMetadata" in misfit.path
            if misfit.kind != "unknown" and not converted:
                yield _hit(config.obj, misfit)


def _hit(obj: Manifest, misfit: Misfit) -> Hit:
    shown = json.dumps(misfit.value, default=str)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    if misfit.kind == "missing":
        return Hit(obj, misfit.path, "is required and absent", "set it, or the API server refuses the object")
    if misfit.kind == "enum":
        similar = get_close_matches(str(misfit.value).upper(), misfit.allowed, n=1)
        mend = f"did you mean {similar[0]}?" if similar else "choose one of them"
        return Hit(obj, misfit.path, f"is {shown}, which is none of {', '.join(misfit.allowed)}", mend)
    return Hit(obj, misfit.path, f"is {shown}, but has to be {misfit.allowed[0]}", "correct the value (or its quotes)")
