"""A policy for a namespace that does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.strings import authz_matches

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP331",
    ERROR,
    "A policy for a namespace that does not exist",
    symptoms=("RBAC: access denied between services",),
    why="""
`namespaces` names where callers live; a namespace that is not there has no callers. Judged where the input lists
Namespaces.
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {namespaces: [shopp]}}]
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {namespaces: [shop]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0101/",),
    needs=("Namespace",),
)
def check(mesh: MeshView) -> Hits:
    known = mesh.namespace_names
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            for source in rule_.sources:
                for field in ("namespaces", "notNamespaces"):
                    for position, name in enumerate(strings(source.raw, field)):
                        exists = any(authz_matches(name, other) for other in known)
                        if not exists and policy.obj.namespace in mesh.namespaces:
                            similar = get_close_matches(name, known, n=1)
                            mend = f"did you mean {similar[0]}?" if similar else "correct the name"
                            problem = f"is {name!r}, and there is no such namespace"
                            yield Hit(policy.obj, (*source.path, field, position), problem, mend)
