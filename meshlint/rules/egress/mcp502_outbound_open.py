"""Every outside host may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP502",
    INFO,
    "Every outside host may be called",
    symptoms=("egress is not controlled", "data leaves to unknown hosts"),
    why="""
ALLOW_ANY, Istio's default, lets each workload call every host. REGISTRY_ONLY lets it call what a ServiceEntry names.
(A sidecar can be got around from within its pod: a NetworkPolicy that allows only the egress gateway closes that.)
""",
    bad="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: ALLOW_ANY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    good="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/#securing-egress-traffic",),
    needs=("installation",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    if mesh.registry_only:
        return
    for config in mesh.mesh_configs[:1]:
        mode = config.get("outboundTrafficPolicy", "mode") or "not set, which means ALLOW_ANY"
        where = (*config.path, "outboundTrafficPolicy", "mode")
        yield Hit(config.obj, where, f"is {mode}, so every workload can call every host", "write REGISTRY_ONLY")
