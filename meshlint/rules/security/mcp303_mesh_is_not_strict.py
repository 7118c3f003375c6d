"""No STRICT mTLS for the whole mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, Unseen, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP303",
    INFO,
    "No STRICT mTLS for the whole mesh",
    symptoms=("plaintext requests reach the app",),
    why="""
Istio's default is PERMISSIVE: every port takes plaintext until a PeerAuthentication says otherwise. One without
selector in the root namespace, STRICT, covers the mesh; exceptions are then visible as such. So does one in each
namespace that has workloads, as far as the input shows them. Judged where the input shows how Istio is installed,
and PeerAuthentications.
""",
    bad="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: cluster.local
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
""",
    good="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: cluster.local
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/",),
    needs=("installation",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for peer in mesh.peer_authentications:
        if peer.obj.namespace == mesh.root_namespace and not peer.selector:
            if peer.mode == "UNSET":
                problem = "is not set, so the mesh stays PERMISSIVE"
                yield Hit(peer.obj, ("spec", "mtls", "mode"), problem, "write STRICT")
            return
    # What a gateway's listeners take is said by Gateway objects.
    gateways = {(gateway.namespace, gateway.name) for gateway in mesh.gateway_workloads}
    homes = {found.namespace for found in mesh.workloads if (found.namespace, found.obj.name) not in gateways}
    strict = {peer.obj.namespace for peer in mesh.peer_authentications if not peer.selector and peer.mode == "STRICT"}
    if mesh.workloads and homes <= strict:
        return
    for config in mesh.mesh_configs[:1]:
        if not mesh.shows("PeerAuthentication"):
            yield Unseen(config.obj, "PeerAuthentication")
            continue
        problem = f"installs a mesh without a PeerAuthentication in {mesh.root_namespace}, which is PERMISSIVE"
        mend = f"add PeerAuthentication default in {mesh.root_namespace} with mtls.mode STRICT"
        yield Hit(config.obj, config.path, problem, mend)
