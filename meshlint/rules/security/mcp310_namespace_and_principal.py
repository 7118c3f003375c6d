"""A source that says the same twice, or contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.strings import any_authz_matches

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP310",
    INFO,
    "A source that says the same twice, or contradicts itself",
    symptoms=("RBAC: access denied between services",),
    why="""
Fields of one source are AND-ed: `namespaces` beside `principals` adds nothing where the principals are of that
namespace, and lets nobody in where they are not. Use `serviceAccounts: [NAMESPACE/NAME]`, which istiod validates.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {namespaces: [shop], principals: [cluster.local/ns/shop/sa/front]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/front]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            for source in rule_.sources:
                namespaces, principals = strings(source.raw, "namespaces"), strings(source.raw, "principals")
                if strings(source.raw, "serviceAccounts") and (namespaces or principals):
                    problem = "has serviceAccounts beside principals or namespaces, which the webhook refuses"
                    yield Hit(policy.obj, source.path, problem, "keep serviceAccounts alone", ERROR)
                elif namespaces and principals:
                    spaces = {written.split("/")[2] for written in principals if written.count("/") == 4}
                    apart = spaces and not any(any_authz_matches(namespaces, space) for space in spaces)
                    problem = (
                        f"asks for namespace {', '.join(namespaces)} and for a principal of {', '.join(sorted(spaces))}"
                        if apart
                        else "has namespaces beside principals, which say the namespace already"
                    )
                    mend = "write serviceAccounts: [NAMESPACE/NAME] alone"
                    yield Hit(policy.obj, source.path, problem, mend, ERROR if apart else None)
