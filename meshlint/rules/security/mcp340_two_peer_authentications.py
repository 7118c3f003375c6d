"""Two PeerAuthentications of one scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP340",
    ERROR,
    "Two PeerAuthentications of one scope",
    symptoms=(
        "a setting has no effect",
        "plaintext is accepted where STRICT was asked for",
    ),
    why="""
Of several for the same pods, the same namespace or the mesh, istiod takes the oldest and ignores the others;
PERMISSIVE beside STRICT decides by age whether plaintext gets in.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web-next, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: STRICT}
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: STRICT}
""",
    sources=("https://istio.io/latest/docs/concepts/security/#peer-authentication",),
)
def check(mesh: MeshView) -> Hits:
    first: dict[tuple[str, tuple[tuple[str, str], ...]], Manifest] = {}
    for peer in sorted(mesh.peer_authentications, key=lambda one: (not one.obj.created, one.obj.created)):
        scope = (peer.obj.namespace, tuple(sorted(peer.selector.items())))
        other = first.setdefault(scope, peer.obj)
        if other is not peer.obj and other.name != peer.obj.name:
            problem = f"has the same scope as {other.key}, and only the older one counts"
            yield Hit(peer.obj, ("spec",), problem, "merge them into one")
