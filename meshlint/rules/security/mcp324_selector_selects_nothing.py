"""A policy whose selector selects no pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import string_map
from meshlint.view.gateway_api.listeners import GATEWAY_NAME
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP324",
    ERROR,
    "A policy whose selector selects no pod",
    symptoms=("a policy has no effect", "requests without a token get in"),
    why="""
The policy applies to nothing. A selector sees the *pods'* labels in the policy's own namespace (in the root
namespace: in every one), not those of the Deployment or the Service. Judged where the input shows workloads of that
namespace.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {tier: front}}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: shop}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {tier: front}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {tier: front}}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: shop}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/type/workload-selector/",),
    needs=("workloads",),
)
def check(mesh: MeshView) -> Hits:
    selectors: list[tuple[Manifest, Path, dict[str, str]]] = []
    for kind, block, field in SELECTORS:
        selectors += [(obj, ("spec", block, field), string_map(obj.spec, block, field)) for obj in mesh.istio(kind)]
    gateways = mesh.gateway_workloads
    deployed = {(gateway.obj.namespace, gateway.obj.name) for gateway in mesh.api_gateways if gateway.is_deployed}
    for obj, path, selector in selectors:
        everywhere = obj.namespace == mesh.root_namespace
        if not selector or not (everywhere or mesh.workloads_by_namespace.get(obj.namespace)):
            continue
        if mesh.select(None if everywhere else obj.namespace, selector):
            continue
        if (obj.namespace, selector.get(GATEWAY_NAME, "")) in deployed:
            continue
        if any(
            selects(selector, gateway.labels) and gateway.namespace in ("default", obj.namespace)
            for gateway in gateways
        ):
            continue
        if everywhere and obj.kind == "EnvoyFilter":
            continue
        shown = ", ".join(f"{name}={wanted}" for name, wanted in selector.items())
        yield Hit(obj, path, f"is {shown}, and no pod in {obj.namespace} has it", "use the labels of the pods")


SELECTORS = (
    ("AuthorizationPolicy", "selector", "matchLabels"),
    ("RequestAuthentication", "selector", "matchLabels"),
    ("PeerAuthentication", "selector", "matchLabels"),
    ("Telemetry", "selector", "matchLabels"),
    ("Sidecar", "workloadSelector", "labels"),
    ("EnvoyFilter", "workloadSelector", "labels"),
)
