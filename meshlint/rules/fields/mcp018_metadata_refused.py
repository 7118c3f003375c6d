"""A name or annotation that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import metadata
from meshlint.validation.refusal import refused_by_metadata

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP018",
    ERROR,
    "A name or annotation that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
Only an AuthorizationPolicy that allows or denies can be a dry run, so Istio's validating webhook refuses the annotation
`istio.io/dry-run` everywhere else; annotations below `internal.istio.io` are istiod's own; and a Gateway's name has no
dots, because it becomes part of names that are split at dots.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: web
  namespace: shop
  annotations: {istio.io/dry-run: "yes"}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notNamespaces: [shop]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: web
  namespace: shop
  annotations: {istio.io/dry-run: "true"}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notNamespaces: [shop]}}]
""",
    sources=("https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/",),
)
def check(mesh: MeshView) -> Hits:
    yield from refused_by_metadata(mesh, metadata.validate)
