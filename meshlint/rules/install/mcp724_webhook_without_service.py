"""A webhook whose Service does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP724",
    ERROR,
    "A webhook whose Service does not exist",
    symptoms=(
        "admission webhook denied the request",
        "pods have no sidecar",
    ),
    why="""
The API server asks a Service that is gone: with `failurePolicy: Fail` nothing of the kind can be created or changed
any more, with `Ignore` it is never asked. It is what an uninstalled revision leaves behind. Judged where the input
shows other Services of that namespace.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: istiod-canary, namespace: istio-system}
spec:
  selector: {app: istiod}
  ports: [{name: https-webhook, port: 443, targetPort: 15017}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istio-validator-istio-system}
webhooks:
- name: rev.validation.istio.io
  failurePolicy: Fail
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /validate}}
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: istiod-canary, namespace: istio-system}
spec:
  selector: {app: istiod}
  ports: [{name: https-webhook, port: 443, targetPort: 15017}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istio-validator-istio-system}
webhooks:
- name: rev.validation.istio.io
  failurePolicy: Fail
  clientConfig: {service: {name: istiod-canary, namespace: istio-system, path: /validate}}
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0139/",),
)
def check(mesh: MeshView) -> Hits:
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for obj in mesh.by_kind.get(kind, ()):
            for position, webhook in enumerate(elements(obj.body, "webhooks")):
                service = mapping(webhook, "clientConfig", "service")
                name, namespace = text(service, "name"), text(service, "namespace")
                shown = mesh.services_by_namespace.get(namespace, [])
                if name and shown and all(one.obj.name != name for one in shown):
                    where = ("webhooks", position, "clientConfig", "service", "name")
                    problem = f"is {name!r}, and {namespace} has no such Service"
                    yield Hit(obj, where, problem, "correct the name, or remove the webhook with its revision")
