"""A mesh setting that delays connections or addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.strings import seconds

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP714",
    WARNING,
    "A mesh setting that delays connections or addresses",
    symptoms=("connections to a database hang at the start", "calls go to an address that is gone"),
    why="""
`protocolDetectionTimeout` makes every connection to a port of unknown protocol wait that long when the *server*
speaks first (MySQL, SMTP); 0s, the default, waits without a limit for the client's first bytes only where that is
right: name the ports instead. A long `dnsRefreshRate` keeps using addresses of outside hosts that are gone; below the
record's own lifetime Envoy respects that anyway.
""",
    bad="""
# values of the istiod chart
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  protocolDetectionTimeout: 5s
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
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig",),
)
def check(mesh: MeshView) -> Hits:
    for config in mesh.mesh_configs:
        detection = seconds(config.get("protocolDetectionTimeout"))
        if detection:
            where = (*config.path, "protocolDetectionTimeout")
            problem = f"is {detection:g}s, which delays protocols in which the server speaks first"
            yield Hit(config.obj, where, problem, "remove it, and name Service ports by protocol")
        refresh = seconds(config.get("dnsRefreshRate"))
        if refresh is not None and refresh > 60:
            where = (*config.path, "dnsRefreshRate")
            problem = f"is {refresh:g}s, so addresses of outside hosts may be that old"
            yield Hit(config.obj, where, problem, "remove it (the default is 60s)")
