"""A listener whose certificate does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP917",
    ERROR,
    "A listener whose certificate does not exist",
    symptoms=("TLS handshake fails at the gateway", "connection refused at the load balancer"),
    why="""
A `certificateRef` names a Secret, in the listener's own namespace unless it says another. A listener without one of
its certificates is not opened. Judged where the objects show Secrets of that namespace, or what makes them
(Certificate, ExternalSecret); Istio reads certificates from no other kind.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: v1
kind: Secret
metadata: {name: exampel, namespace: edge}
type: kubernetes.io/tls
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: v1
kind: Secret
metadata: {name: example, namespace: edge}
type: kubernetes.io/tls
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#listenertlsconfig",),
)
def check(mesh: MeshView) -> Hits:
    stored: set[tuple[str, str]] = set()
    for kind in ("Secret", "Certificate", "ExternalSecret", "SealedSecret"):
        for obj in mesh.by_kind.get(kind, ()):
            name = text(obj.body, "spec", "secretName") or text(obj.body, "spec", "target", "name") or obj.name
            stored.add((obj.namespace, name))
    shown = {obj.namespace for obj in mesh.by_kind.get("Secret", ())}
    for gateway in mesh.api_gateways:
        for listener in gateway.listeners if gateway.routes_requests else ():
            for path, to in listener.certificates:
                if (to.group, to.kind) != ("", "Secret"):
                    problem = (
                        f"is a {to.kind} of the group {to.group!r}, and Istio reads certificates from Secrets only"
                    )
                    yield Hit(listener.obj, path, problem, "name a Secret")
                elif to.namespace in shown and (to.namespace, to.name) not in stored:
                    similar = get_close_matches(to.name, [name for home, name in stored if home == to.namespace], n=1)
                    there = f"{similar[0]} is there, so " if similar else "create it, or "
                    mend = f"{there}correct the name"
                    yield Hit(listener.obj, path, f"is {to}, and there is no such Secret", mend)
