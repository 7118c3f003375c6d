"""Two Sidecars for the same pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import string_map

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP507",
    ERROR,
    "Two Sidecars for the same pods",
    symptoms=("egress is not controlled", "503 with flag NC or NR", "a setting has no effect"),
    why="""
A namespace may have one Sidecar without selector, and a pod one that selects it; of several, istiod takes one and
ignores the others.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: outside, namespace: shop}
spec: {egress: [{hosts: ["./*", "istio-system/*"]}]}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*", "istio-system/*"]}]}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/sidecar/",),
)
def check(mesh: MeshView) -> Hits:
    first: dict[tuple[str, tuple[tuple[str, str], ...]], Manifest] = {}
    for obj in mesh.istio("Sidecar"):
        scope = (obj.namespace, tuple(sorted(string_map(obj.spec, "workloadSelector", "labels").items())))
        other = first.setdefault(scope, obj)
        if other is not obj:
            yield Hit(obj, ("spec",), f"has the same scope as {other.key}, and only one counts", "merge them into one")
