"""An outside host that every namespace may call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP506",
    INFO,
    "An outside host that every namespace may call",
    symptoms=("egress is not controlled",),
    why="""
Without `exportTo` a ServiceEntry opens the host for the whole mesh. `exportTo: ["."]` keeps it to its own namespace;
list the egress gateway's namespace too if the call goes through it.
""",
    bad="""
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
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
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
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  exportTo: [".", istio-egress]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/service-entry/",),
    needs=("installation",),
)
def check(mesh: MeshView) -> Hits:
    if not mesh.registry_only or any(config.get("defaultServiceExportTo") for config in mesh.mesh_configs):
        return
    for entry in mesh.service_entries:
        shown = strings(entry.obj.spec, "exportTo")
        if entry.external and entry.obj.namespace != mesh.root_namespace and (not shown or "*" in shown):
            problem = f"is open, so every namespace may call {', '.join(entry.hosts)}"
            yield Hit(
                entry.obj, ("spec", "exportTo"), problem, 'write exportTo: ["."], and the egress namespace if needed'
            )
