"""A principal that no workload has."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP307",
    ERROR,
    "A principal that no workload has",
    symptoms=("ChatGPT says 403", "RBAC: access denied between services"),
    why="""
The principal of a caller is `TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`. Helm's gateway chart names the service
account after the release (`istio-ingressgateway`); istioctl's installer appends `-service-account`. A name that
nobody has allows nobody. Judged where the input shows the namespace's workloads or service accounts; names of
istioctl's installer where it shows gateways of Helm's chart.
""",
    bad="""
apiVersion: v1
kind: ServiceAccount
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {principals: [cluster.local/ns/istio-ingress/sa/istio-ingressgateway-service-account]}}]
""",
    good="""
apiVersion: v1
kind: ServiceAccount
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {principals: [cluster.local/ns/istio-ingress/sa/istio-ingressgateway]}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#istio-identity",),
)
def check(mesh: MeshView) -> Hits:
    # istioctl's installer makes the accounts of the gateways that an IstioOperator asks for.
    installed = {(gateway.namespace, gateway.service_account) for gateway in mesh.operator_gateways}
    known = mesh.service_accounts | installed
    namespaces = {namespace for namespace, _ in known}
    for policy in mesh.authorization_policies:
        for path, written, namespace, account in _named(policy):
            if "*" in namespace or "*" in account or (namespace, account) in known:
                continue
            if namespace in namespaces:
                others = sorted(name for space, name in known if space == namespace and name != "default")
                similar = get_close_matches(account, others, n=1)
                mend = (
                    f"did you mean {written.removesuffix(account)}{similar[0]}?"
                    if similar
                    else f"{namespace} has {', '.join(others[:5]) or 'no other'}"
                )
                problem = f"is {written}, and no workload of {namespace} runs as {account}"
                yield Hit(policy.obj, path, problem, mend)
            elif mesh.charts_named("gateway") and account.endswith("gateway-service-account"):
                problem = f"is {written}, a name that only istioctl's installer gives"
                mend = f"Helm's gateway chart names it {account.removesuffix('-service-account')}, as its release"
                yield Hit(policy.obj, path, problem, mend)


def _named(policy: AuthorizationPolicy) -> Iterator[tuple[Path, str, str, str]]:
    """(path, value, namespace, service account) of each exact identity in a policy."""
    for rule_ in policy.rules:
        for source in rule_.sources:
            for field in ("principals", "notPrincipals"):
                for position, written in enumerate(strings(source.raw, field)):
                    parts = written.split("/")
                    if len(parts) == 5 and parts[1] == "ns" and parts[3] == "sa":
                        yield (*source.path, field, position), written, parts[2], parts[4]
            for position, written in enumerate(strings(source.raw, "serviceAccounts")):
                namespace, slash, account = written.rpartition("/")
                yield (
                    (*source.path, "serviceAccounts", position),
                    written,
                    namespace if slash else policy.obj.namespace,
                    account,
                )
