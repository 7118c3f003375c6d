"""A field that Istio does not know."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from meshlint import schemas
from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.schemas.conform import Misfit
    from meshlint.view.mesh import MeshView


@rule(
    "MCP003",
    ERROR,
    "A field that Istio does not know",
    symptoms=("a setting has no effect", "the API server warns about an unknown field", "CORS preflight fails"),
    why="""
The API server drops unknown fields of a custom resource. `kubectl apply` refuses them by default, but Pulumi and most
Helm-based tools send the objects with validation set to *warn*, so the field vanishes and nothing else happens: CORS
that is not there, a limit that does not limit. MeshConfig is stricter: istiod ignores the whole document.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
  corsPolicy:
    allowOrigins: [{exact: "https://shop.example.com"}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - corsPolicy:
      allowOrigins: [{exact: "https://shop.example.com"}]
    route: [{destination: {host: web}}]
""",
    sources=("https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.objects:
        for misfit in obj.misfits:
            definition = obj.definition if misfit.kind == "unknown" else None
            if definition is not None:
                spec: Any = definition["spec"]
                yield Hit(obj, misfit.path, f"is not a field of {obj.kind}, so it is dropped", _mend(misfit, spec))
    schema = schemas.load("mesh_config")["MeshConfig"]
    for config in mesh.mesh_configs:
        for misfit in config.misfits:
            if misfit.kind == "unknown":
                yield Hit(config.obj, misfit.path, "is not a field of MeshConfig", _mend(misfit, schema))


def _mend(misfit: Misfit, schema: Any) -> str:
    name = str(misfit.path[-1])
    elsewhere = _places(schema, name, "spec")
    if elsewhere:
        return f"move it to where Istio knows it: {' or '.join(elsewhere[:2])}"
    similar = get_close_matches(name, misfit.allowed, n=1)
    if similar:
        return f"did you mean {similar[0]}?"
    return f"remove it (known here: {', '.join(misfit.allowed[:12])})"


def _places(schema: Any, name: str, path: str) -> list[str]:
    """Paths at which a field called `name` exists."""
    if isinstance(schema, list):
        inner = cast("list[Any]", schema)
        return _places(inner[1], name, f"{path}[]" if inner[0] == "l" else f"{path}.*") if inner[0] in "lm" else []
    if not isinstance(schema, dict):
        return []
    fields = cast("dict[str, Any]", schema)
    found = [f"{path}.{name}"] if name in fields else []
    for field, inner in fields.items():
        if field:
            found += _places(inner, name, f"{path}.{field}")
    return found
