"""Proxies that drain for a shorter time than calls last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.strings import seconds

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP705",
    WARNING,
    "Proxies that drain for a shorter time than calls last",
    symptoms=("a stream ends without a result", "streams break when a policy is edited"),
    why="""
An edit of an AuthorizationPolicy, RequestAuthentication or EnvoyFilter replaces the listener, and the old one, with
every stream on it, is cut after the drain time: 45 seconds unless `meshConfig.defaultConfig.drainDuration` says more.
Measured with `600s`: all streams went on. Pods take a new value when they restart.
""",
    bad="""
# values of the istiod chart
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
""",
    good="""
# values of the istiod chart
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  defaultConfig: {drainDuration: 600s}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig",),
    needs=("installation",),
)
def check(mesh: MeshView) -> Hits:
    longest = mesh.environment.longest_call_seconds
    if longest is None and not mesh.mcp_hosts:
        return
    needed = longest or ASSUMED
    for config in mesh.mesh_configs:
        drain = seconds(config.get("defaultConfig", "drainDuration"))
        where = (*config.path, "defaultConfig", "drainDuration")
        if drain is None:
            problem = (
                f"is not set: streams are cut {DEFAULT:g}s after a policy edit, and calls here last up to {needed:g}s"
            )
            yield Hit(config.obj, where, problem, f"write {needed:g}s")
        elif drain < needed and (longest is not None or drain <= DEFAULT):
            problem = f"is {drain:g}s, shorter than the longest call ({needed:g}s)"
            yield Hit(config.obj, where, problem, f"write {needed:g}s")


DEFAULT = 45.0
ASSUMED = 600.0
"""How long an MCP call may last where nobody has said."""
