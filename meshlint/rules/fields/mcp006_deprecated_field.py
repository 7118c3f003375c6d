"""A deprecated field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import Json, text, value

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP006",
    INFO,
    "A deprecated field",
    symptoms=("a setting has no effect", "an upgrade changes behaviour"),
    why="""
Istio still reads the field, or reads it no more without refusing it. Each has a successor that says the same.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    loadBalancer: {simple: LEAST_CONN}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    loadBalancer: {simple: LEAST_REQUEST}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            yield from _policy(rule_.obj, path, policy)
    for route in mesh.http_routes:
        if "mirrorPercent" in route.raw:
            yield Hit(
                route.obj, (*route.path, "mirrorPercent"), "is deprecated", "write mirrorPercentage: {value: ...}"
            )
        if value(route.raw, "corsPolicy", "allowOrigin"):
            path = (*route.path, "corsPolicy", "allowOrigin")
            yield Hit(route.obj, path, "is deprecated", "write allowOrigins: [{exact: ...}]")
        if value(route.raw, "fault", "delay", "percent") is not None:
            path = (*route.path, "fault", "delay", "percent")
            yield Hit(route.obj, path, "is deprecated", "write percentage: {value: ...}")
    for config in mesh.mesh_configs:
        for keys, mend in MESH_CONFIG.items():
            if config.get(*keys) is not None:
                yield Hit(config.obj, (*config.path, *keys), "is deprecated", mend)


MESH_CONFIG = {
    ("defaultConfig", "zipkinAddress"): "name a tracing provider in extensionProviders and a Telemetry",
    ("defaultConfig", "tracing", "zipkin"): "name a tracing provider in extensionProviders and a Telemetry",
    ("defaultConfig", "tracing", "lightstep"): "name an opentelemetry provider in extensionProviders and a Telemetry",
    ("defaultConfig", "discoveryRefreshDelay"): "remove it, it has no effect",
    ("defaultConfig", "availabilityZone"): "remove it, it has no effect",
    ("certificates",): "use cert-manager for DNS certificates",
    ("verifyCertificateAtClient",): "remove it, verification is on",
}


def _policy(obj: Manifest, path: Path, policy: Json) -> Hits:
    if text(policy, "loadBalancer", "simple") == "LEAST_CONN":
        yield Hit(obj, (*path, "loadBalancer", "simple"), "is LEAST_CONN, a deprecated name", "write LEAST_REQUEST")
    if value(policy, "loadBalancer", "consistentHash", "minimumRingSize") is not None:
        where = (*path, "loadBalancer", "consistentHash", "minimumRingSize")
        yield Hit(obj, where, "is deprecated", "write ringHash: {minimumRingSize: ...}")
    if value(policy, "loadBalancer", "warmupDurationSecs") is not None:
        where = (*path, "loadBalancer", "warmupDurationSecs")
        yield Hit(obj, where, "is deprecated", "write warmup: {duration: ...}")
    if value(policy, "outlierDetection", "consecutiveErrors") is not None:
        where = (*path, "outlierDetection", "consecutiveErrors")
        yield Hit(obj, where, "is deprecated", "write consecutive5xxErrors or consecutiveGatewayErrors")
