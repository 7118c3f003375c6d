"""Metrics or debug pages opened to a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.directions import guards_gateway, is_gateway_identity
from meshlint.view.fields import Json, strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP322",
    WARNING,
    "Metrics or debug pages opened to a gateway",
    symptoms=("metrics or admin pages answer on the internet",),
    why="""
The rule lets the ingress gateway ask for pages that are for operators. Whoever reaches the gateway with a route for
that path, or with a route without a path, reads them.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {paths: [/shop/*, /metrics]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
    to: [{operation: {paths: [/shop/*]}}]
  - from: [{source: {serviceAccounts: [monitoring/prometheus]}}]
    to: [{operation: {paths: [/metrics]}}]
""",
    sources=("https://istio.io/latest/docs/ops/integrations/prometheus/",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW" or guards_gateway(mesh, policy):
            continue
        for rule_ in policy.rules:
            if rule_.sources and not any(_is_gateway(mesh, source.raw) for source in rule_.sources):
                continue
            for operation in rule_.operations:
                for position, path in enumerate(strings(operation.raw, "paths")):
                    if path.rstrip("/*") in PRIVATE:
                        where = (*operation.path, "paths", position)
                        yield Hit(
                            policy.obj, where, f"opens {path} to the gateway", "allow it to the scraper's account only"
                        )


PRIVATE = frozenset({"/metrics", "/stats", "/stats/prometheus", "/debug", "/debug/pprof", "/actuator", "/config_dump"})


def _is_gateway(mesh: MeshView, source: Json) -> bool:
    names = (*strings(source, "principals"), *strings(source, "serviceAccounts"))
    return any(is_gateway_identity(mesh, name) for name in names)
