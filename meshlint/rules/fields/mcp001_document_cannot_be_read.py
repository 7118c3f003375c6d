"""A document cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP001",
    ERROR,
    "A document cannot be read",
    symptoms=("an object is missing after apply", "the deployment pipeline stops at a file"),
    why="""
The text is not YAML, not UTF-8, too large, nested too deep, or no Kubernetes object. Nothing in that document was
checked; every other document was. A file above 64 MiB is not read at all, a document may nest 100 levels and hold
500,000 values once its aliases are expanded: an anchor that refers to an anchor ten times over (a "YAML bomb") is
reported instead of filling the memory.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: allow-nothing
  namespace: shop
 spec: {}
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: allow-nothing
  namespace: shop
spec: {}
""",
    sources=("https://yaml.org/spec/1.2.2/",),
)
def check(mesh: MeshView) -> Hits:  # noqa: ARG001 - the loader finds these, before there are objects
    yield from ()
