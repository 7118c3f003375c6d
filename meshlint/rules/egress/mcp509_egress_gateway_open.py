"""An egress gateway without a policy on who may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.kubernetes import selects
from meshlint.view.strings import any_authz_matches

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import PolicyRule


@rule(
    "MCP509",
    WARNING,
    "An egress gateway without a policy on who may use it",
    symptoms=("egress is not controlled", "calls to an outside API fail"),
    why="""
Whoever reaches the egress gateway's Service gets out through it. An ALLOW policy on its pods with the callers'
service accounts and `connection.sni` says who may call what; a host that none of its rules names is refused (an error
here).
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: openai, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: TLS}
    hosts: [api.openai.com]
    tls: {mode: PASSTHROUGH}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: other, namespace: istio-egress}
spec:
  selector: {matchLabels: {istio: egressgateway}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [chat/bot]}}]
    when: [{key: connection.sni, values: [api.stripe.com]}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: openai, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: TLS}
    hosts: [api.openai.com]
    tls: {mode: PASSTHROUGH}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: openai, namespace: istio-egress}
spec:
  selector: {matchLabels: {istio: egressgateway}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [chat/bot]}}]
    when: [{key: connection.sni, values: [api.openai.com]}]
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/",),
    needs=("AuthorizationPolicy",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        if not gateway.is_egress:
            continue
        homes = {pod.namespace for pod in mesh.gateway_workloads if selects(gateway.selector, pod.labels)}
        policies = [
            policy
            for namespace in sorted(homes | {gateway.obj.namespace})
            for policy in mesh.policies_by_selector.applying(namespace, gateway.selector)
            if policy.action == "ALLOW"
        ]
        rules = [rule_ for policy in policies for rule_ in policy.rules]
        if not policies:
            problem = "has no ALLOW policy on its pods, so every workload may leave through it"
            yield Hit(
                gateway.obj, ("spec", "selector"), problem, "allow the callers' service accounts, by connection.sni"
            )
            continue
        for rule_ in rules:
            if not rule_.names_identity:
                owner = next(policy for policy in policies if rule_ in policy.rules)
                yield Hit(
                    owner.obj, rule_.path, "names no caller of the egress gateway", "add from with serviceAccounts"
                )
            elif not rule_.conditions and not any(strings(operation.raw, "hosts") for operation in rule_.operations):
                owner = next(policy for policy in policies if rule_ in policy.rules)
                problem = "lets its callers out to every host of the egress gateway"
                yield Hit(owner.obj, rule_.path, problem, "add when: [{key: connection.sni, values: [HOST]}]")
        named = [rule_ for rule_ in rules if any(condition.key == "connection.sni" for condition in rule_.conditions)]
        for server in gateway.servers:
            for position, (_, host) in enumerate(server.hosts):
                if len(named) == len(rules) and not any(_names(rule_, host) for rule_ in named):
                    where = (*server.path, "hosts", position)
                    problem = f"is {host}, which no ALLOW rule on the gateway's pods names"
                    yield Hit(gateway.obj, where, problem, "add it to connection.sni of a rule", ERROR)


def _names(rule_: PolicyRule, host: str) -> bool:
    return any(
        condition.key == "connection.sni" and any_authz_matches(condition.values, host)
        for condition in rule_.conditions
    )
