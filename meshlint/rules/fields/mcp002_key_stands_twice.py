"""A key stands twice in one mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP002",
    ERROR,
    "A key stands twice in one mapping",
    symptoms=("a setting has no effect", "kubectl refuses the document"),
    why="""
Only the last of the two values counts, and some tools take the first. The API server's strict decoding refuses the
document; tools that read YAML themselves drop one value without a word.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  egress:
  - hosts: ["./*"]
  egress:
  - hosts: ["./*", "istio-system/*"]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  egress:
  - hosts: ["./*", "istio-system/*"]
""",
    sources=("https://yaml.org/spec/1.2.2/#mapping",),
)
def check(mesh: MeshView) -> Hits:  # noqa: ARG001 - the loader finds these, before there are objects
    yield from ()
