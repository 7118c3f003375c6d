"""Two injectors that select one namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import Json, elements, mapping, string_map, strings, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP723",
    ERROR,
    "Two injectors that select one namespace",
    symptoms=(
        "pods have two proxies, or fail to start",
        "an upgrade does not reach a namespace",
    ),
    why="""
Both webhooks are asked for every pod of the namespace, and both put a proxy into it: of two revisions, or of one that
was meant to be gone. Selectors of revisions exclude each other. Judged for the Namespaces that the input shows; a
selector of objects (`objectSelector`) is taken to make the difference.
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/rev: canary}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector-canary}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  clientConfig: {service: {name: istiod-canary, namespace: istio-system, path: /inject}}
  namespaceSelector: {matchLabels: {istio.io/rev: canary}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector}
webhooks:
- name: namespace.sidecar-injector.istio.io
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
  namespaceSelector: {matchLabels: {istio.io/rev: canary}}
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/rev: canary}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector-canary}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  clientConfig: {service: {name: istiod-canary, namespace: istio-system, path: /inject}}
  namespaceSelector: {matchLabels: {istio.io/rev: canary}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector}
webhooks:
- name: namespace.sidecar-injector.istio.io
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
  namespaceSelector: {matchLabels: {istio.io/rev: default}}
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0139/",),
    needs=(
        "MutatingWebhookConfiguration",
        "Namespace",
    ),
)
def check(mesh: MeshView) -> Hits:
    for namespace in mesh.namespaces.values():
        first: Manifest | None = None
        for obj in mesh.by_kind.get("MutatingWebhookConfiguration", ()):
            for position, webhook in enumerate(elements(obj.body, "webhooks")):
                if not _injects(webhook) or not selects_labels(mapping(webhook, "namespaceSelector"), namespace.labels):
                    continue
                if first is not None and first is not obj:
                    where = ("webhooks", position, "namespaceSelector")
                    problem = f"selects the namespace {namespace.name}, as {first.name} does"
                    yield Hit(obj, where, problem, "let the selectors exclude each other, or remove the older revision")
                first = first or obj
                break


def _injects(webhook: Json) -> bool:
    path = text(webhook, "clientConfig", "service", "path")
    return path.startswith("/inject") and not mapping(webhook, "objectSelector")


def selects_labels(selector: Json, labels: dict[str, str]) -> bool:
    """Whether a label selector of Kubernetes takes these labels."""
    if any(labels.get(name) != wanted for name, wanted in string_map(selector, "matchLabels").items()):
        return False
    for expression in elements(selector, "matchExpressions"):
        key, values = text(expression, "key"), strings(expression, "values")
        taken = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not taken.get(text(expression, "operator"), False):
            return False
    return True
