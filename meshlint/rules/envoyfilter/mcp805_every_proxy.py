"""An EnvoyFilter for every proxy of the mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import string_map

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP805",
    INFO,
    "An EnvoyFilter for every proxy of the mesh",
    symptoms=("a change breaks every workload at once",),
    why="""
In the root namespace, without `workloadSelector` or `targetRefs`, the patch goes to each sidecar and gateway. A
mistake in it stops all of them from taking updates.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: attempts, namespace: istio-system}
spec:
  priority: 10
  configPatches:
  - applyTo: VIRTUAL_HOST
    match: {context: GATEWAY}
    patch: {operation: MERGE, value: {include_request_attempt_count: true}}
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: attempts, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: VIRTUAL_HOST
    match: {context: GATEWAY}
    patch: {operation: MERGE, value: {include_request_attempt_count: true}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/envoy-filter/",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        narrowed = string_map(obj.spec, "workloadSelector", "labels") or obj.spec.get("targetRefs")
        if obj.namespace == mesh.root_namespace and not narrowed:
            problem = f"is absent in the root namespace {obj.namespace}, so every proxy of the mesh is patched"
            yield Hit(obj, ("spec", "workloadSelector"), problem, "select the workloads, or move it to their namespace")
