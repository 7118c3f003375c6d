"""A shell command in the proxy's container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import Json, mapping, strings

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP713",
    WARNING,
    "A shell command in the proxy's container",
    symptoms=("pods fail to stop cleanly",),
    why="""
The distroless proxy image has no shell, so the hook fails; and with native sidecars, which Istio 1.31 chooses where
Kubernetes has them, the proxy outlives the app by itself. Use `terminationDrainDuration` and
`holdApplicationUntilProxyStarts` of `meshConfig.defaultConfig`.
""",
    bad="""
# values of the istiod chart
global: {proxy: {lifecycle: {preStop: {exec: {command: [/bin/sh, -c, sleep 15]}}}}}
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
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  defaultConfig: {terminationDrainDuration: 15s}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/ops/configuration/security/harden-docker-images/",),
)
def check(mesh: MeshView) -> Hits:
    holders: list[tuple[Manifest, Path, Json]] = [
        *((chart.obj, chart.path, chart.values) for chart in mesh.charts),
        *((operator, ("spec", "values"), mapping(operator.spec, "values")) for operator in mesh.istio_operators),
    ]
    for obj, path, values in holders:
        for hook in ("preStop", "postStart"):
            keys = ("global", "proxy", "lifecycle", hook, "exec", "command")
            command = strings(values, *keys)
            if command and command[0].rpartition("/")[2] in ("sh", "bash"):
                problem = f"runs {command[0]}, which the distroless proxy image does not have"
                yield Hit(obj, (*path, *keys), problem, "remove it, and set terminationDrainDuration")
