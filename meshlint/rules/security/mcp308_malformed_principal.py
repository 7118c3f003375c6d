"""A principal that cannot match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP308",
    ERROR,
    "A principal that cannot match",
    symptoms=("RBAC: access denied between services", "ChatGPT says 403"),
    why="""
Principals in policies are written without `spiffe://`, with the trust domain in front:
`cluster.local/ns/shop/sa/web`. A value in another form is compared as it stands and matches no certificate; so does
one of a trust domain that the mesh neither has nor lists as an alias.

An error where it looks like an identity or is an account in sight, a warning where it is a bare word.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {principals: ["spiffe://cluster.local/ns/shop/sa/front"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {principals: ["cluster.local/ns/shop/sa/front"]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            for source in rule_.sources:
                for field in ("principals", "notPrincipals"):
                    for position, written in enumerate(strings(source.raw, field)):
                        yield from _judge(mesh, policy, (*source.path, field, position), written)


def _judge(mesh: MeshView, policy: AuthorizationPolicy, path: Path, written: str) -> Hits:
    if "*" in written:
        return
    parts = written.removeprefix("spiffe://").split("/")
    wanted = "TRUST-DOMAIN/ns/NAMESPACE/sa/NAME"
    if written.startswith("spiffe://"):
        yield Hit(policy.obj, path, f"is {written}, with a scheme", f"write {written.removeprefix('spiffe://')}")
    elif len(parts) != 5 or parts[1] != "ns" or parts[3] != "sa":
        # A bare word that names nothing here may stand for something; it is no identity all the same.
        known = len(parts) > 1 or any(name == written for _, name in mesh.service_accounts)
        problem = f"is {written!r}, which is not of the form {wanted}"
        yield Hit(policy.obj, path, problem, f"write {wanted}", None if known else WARNING, ERROR)
    elif mesh.mesh_configs and parts[0] not in mesh.trust_domains:
        problem = f"is of trust domain {parts[0]}, while the mesh has {mesh.trust_domain}"
        yield Hit(policy.obj, path, problem, "use the mesh's trust domain, or list the other in trustDomainAliases")
