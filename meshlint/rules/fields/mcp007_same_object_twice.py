"""The same object twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP007",
    ERROR,
    "The same object twice",
    symptoms=("a setting has no effect", "a setting flips back and forth"),
    why="""
Kind, namespace and name identify an object, so the second replaces the first: whichever is applied last wins, and two
tools that apply one each overwrite each other for ever.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: UNSET}}
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",),
)
def check(mesh: MeshView) -> Hits:
    seen: set[tuple[str, str]] = set()
    for obj in mesh.objects:
        if not obj.name or obj.kind == "IstioOperator":
            continue
        identity = (obj.group, obj.key)
        if identity in seen:
            yield Hit(
                obj, ("metadata", "name"), f"is {obj.name!r}, and another {obj.kind} has it too", "keep one of them"
            )
        seen.add(identity)
