"""Port-level mTLS where it does not apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP302",
    ERROR,
    "Port-level mTLS where it does not apply",
    symptoms=("a setting has no effect", "the API server refuses the object"),
    why="""
`portLevelMtls` needs a selector (the webhook refuses it in a policy of a namespace or of the mesh), and its keys are
ports of the *container*, not of the Service. A port that no selected workload listens on changes nothing.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls: {mode: STRICT}
  portLevelMtls: {"8080": {mode: STRICT}}
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: STRICT}
  portLevelMtls: {"8080": {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/reference/config/security/peer_authentication/",),
)
def check(mesh: MeshView) -> Hits:
    for peer in mesh.peer_authentications:
        if not peer.ports:
            continue
        if not peer.selector:
            problem = "has no selector beside it, and the webhook refuses that"
            yield Hit(peer.obj, ("spec", "portLevelMtls"), problem, "add spec.selector.matchLabels")
            continue
        listening: set[int] = set()
        for workload in mesh.select(peer.obj.namespace, peer.selector):
            listening |= workload.container_ports
        for port in sorted(set(peer.ports) - listening) if listening else ():
            where = ("spec", "portLevelMtls", str(port))
            problem = f"names port {port}, but the selected pods listen on {', '.join(map(str, sorted(listening)))}"
            yield Hit(peer.obj, where, problem, "write the container's port", WARNING)
