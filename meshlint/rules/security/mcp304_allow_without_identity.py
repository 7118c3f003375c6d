"""An ALLOW rule that names no identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.directions import guards_gateway, is_outward
from meshlint.view.fields import Json, strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import PolicyRule


@rule(
    "MCP304",
    WARNING,
    "An ALLOW rule that names no identity",
    symptoms=("anybody in the cluster reaches the app", "requests without a token get in"),
    why="""
A rule without `from` lets every caller in that meets the rest: any namespace, any service account, no certificate at
all where mTLS is not STRICT. `hosts`, `paths` and headers are written by the caller. Gateways, which talk to the
outside, are meant to have such rules; workloads behind them are not.

A warning where the objects show an MCP server, else an info: a page for everybody is opened by such a rule.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - to: [{operation: {methods: [GET]}}]
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
    to: [{operation: {methods: [GET]}}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/#authorization-policies",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    # A page for everybody is what such a rule is written for; an MCP server's callers are known.
    severity = None if mesh.mcp_hosts else INFO
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW" or guards_gateway(mesh, policy):
            continue
        for rule_ in policy.rules:
            if rule_.names_identity or rule_.needs_token or any(_by_address(source.raw) for source in rule_.sources):
                continue
            if _outward_hosts(mesh, rule_):
                continue
            what = (
                "allows everything" if rule_.is_empty else "names no caller, so any workload that can connect gets in"
            )
            mend = "add from: [{source: {serviceAccounts: [NAMESPACE/NAME]}}]"
            yield Hit(policy.obj, rule_.path, what, mend, severity, ERROR)


def _by_address(source: Json) -> bool:
    return bool(strings(source, "ipBlocks") or strings(source, "remoteIpBlocks"))


def _outward_hosts(mesh: MeshView, rule_: PolicyRule) -> bool:
    """MCP305 speaks about these."""
    return any(is_outward(mesh, host) for operation in rule_.operations for host in strings(operation.raw, "hosts"))
