"""A policy that decides by a header the caller writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP318",
    WARNING,
    "A policy that decides by a header the caller writes",
    symptoms=("a rate limit does not limit", "a policy has no effect"),
    why="""
The caller decides what stands in a header, or whether it is there. A DENY on `x-rate-limit-exceeded` denies whoever
says so about himself; an ALLOW on `x-internal: true` lets in whoever writes it; `x-forwarded-proto` is set by the
gateway itself and adds nothing but a way to fail behind another load balancer. Headers of the protocol (origin,
authorization, MCP's) are not meant by this rule.

A warning where an ALLOW rule goes by the header alone, else an info.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: limit, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - to: [{operation: {ports: ["8080"]}}]
    when: [{key: "request.headers[x-rate-limit-exceeded]", values: ["true"]}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-foreign-origin, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - to: [{operation: {ports: ["8080"]}}]
    when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://shop.example.com"]}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            for condition in rule_.conditions:
                header = condition.header
                if header and header not in PROTOCOL_HEADERS and not header.startswith("mcp-"):
                    effect = "denied" if policy.action == "DENY" else "let in"
                    problem = f"reads {header}, so the caller decides by himself whether he is {effect}"
                    mend = "decide by source (serviceAccounts), by a claim, or by a rate limit filter"
                    opens = policy.action == "ALLOW" and not (rule_.names_identity or rule_.needs_token)
                    yield Hit(policy.obj, condition.path, problem, mend, None if opens else INFO, WARNING)


PROTOCOL_HEADERS = frozenset(
    {
        "origin", "authorization", "content-type", "access-control-request-method", "cookie", "accept", "host",
        "content-length", "transfer-encoding", "upgrade", "connection", ":authority", ":method", ":path",
    }
)  # fmt: skip
