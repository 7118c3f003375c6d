"""An AuthorizationPolicy meant for outgoing calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.directions import guards_gateway, is_outward
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP305",
    ERROR,
    "An AuthorizationPolicy meant for outgoing calls",
    symptoms=("anybody in the cluster reaches the app", "requests without a token get in", "egress is not controlled"),
    why="""
An AuthorizationPolicy guards what comes *in*. An ALLOW for `hosts: [api.openai.com]` on an app lets every caller in
who writes `Host: api.openai.com`: measured, from another namespace, without a token, on any path. Outgoing calls are
controlled by ServiceEntries with REGISTRY_ONLY, by Sidecars, and by policies on the *egress gateway*.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-openai, namespace: chat}
spec:
  selector: {matchLabels: {app: bot}}
  action: ALLOW
  rules:
  - to: [{operation: {hosts: ["api.openai.com"], methods: [GET, POST]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-openai, namespace: istio-egress}
spec:
  selector: {matchLabels: {istio: egressgateway}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [chat/bot]}}]
    to: [{operation: {ports: ["8443"]}}]
    when: [{key: connection.sni, values: [api.openai.com]}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#authorization-policies",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW" or guards_gateway(mesh, policy) or policy.targets:
            continue
        for rule_ in policy.rules:
            for operation in rule_.operations:
                outward = [host for host in strings(operation.raw, "hosts") if is_outward(mesh, host)]
                if outward:
                    problem = (
                        f"is {', '.join(outward)}: it lets in whoever writes that Host header, and lets nothing out"
                    )
                    mend = "delete the rule; write a ServiceEntry, and a policy on the egress gateway"
                    yield Hit(policy.obj, (*operation.path, "hosts"), problem, mend)
