"""Access logging switched off without naming a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import Json, elements

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP610",
    WARNING,
    "Access logging switched off without naming a provider",
    symptoms=("a setting has no effect",),
    why="""
`disabled: true` applies to the providers that the entry names, or else to those of the entry above it, of the
namespace's and the root namespace's Telemetry, or of `defaultProviders` in MeshConfig. Where none of them names one
(a mesh that logs by `accessLogFile`), it had no effect, measured.
""",
    bad="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: quiet, namespace: shop}
spec:
  accessLogging: [{disabled: true}]
""",
    good="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: quiet, namespace: shop}
spec:
  accessLogging: [{providers: [{name: envoy}], disabled: true}]
""",
    sources=("https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging",),
    needs=("installation",),
)
def check(mesh: MeshView) -> Hits:
    if any(config.get("defaultProviders", "accessLogging") for config in mesh.mesh_configs):
        return
    naming = {obj.namespace for obj in mesh.istio("Telemetry") if any(map(_named, elements(obj.spec, "accessLogging")))}
    for obj in mesh.istio("Telemetry"):
        if naming & {obj.namespace, mesh.root_namespace}:
            continue
        for position, entry in enumerate(elements(obj.spec, "accessLogging")):
            if entry.get("disabled") is True:
                where = ("spec", "accessLogging", position, "disabled")
                problem = "is true without providers, and nothing else names one: it switches nothing off"
                yield Hit(obj, where, problem, "name them: providers: [{name: envoy}]")


def _named(entry: Json) -> bool:
    return bool(elements(entry, "providers"))
