"""Access logging switched off without naming a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import elements

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP610",
    WARNING,
    "Access logging switched off without naming a provider",
    symptoms=("a setting has no effect",),
    why="""
`disabled: true` applies to the providers that the entry names. Without any it had no effect, measured.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: quiet, namespace: shop}
spec:
  accessLogging: [{disabled: true}]
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: quiet, namespace: shop}
spec:
  accessLogging: [{providers: [{name: envoy}], disabled: true}]
""",
    sources=("https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("Telemetry"):
        for position, entry in enumerate(elements(obj.spec, "accessLogging")):
            if entry.get("disabled") is True and not elements(entry, "providers"):
                where = ("spec", "accessLogging", position, "disabled")
                yield Hit(
                    obj,
                    where,
                    "is true without providers, which switches nothing off",
                    "name them: providers: [{name: envoy}]",
                )
