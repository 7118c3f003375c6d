"""A rule on the tool's name that an older protocol version gets around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP326",
    ERROR,
    "A rule on the tool's name that an older protocol version gets around",
    symptoms=("a guarded tool runs without its scope",),
    why="""
`Mcp-Name` and `Mcp-Method` exist since 2026-07-28. A client that speaks an older version sends none of them and the
same call in the body, so a rule on them has to come with a DENY for requests whose `MCP-Protocol-Version` is absent
or older.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sql, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: DENY
  rules:
  - from: [{source: {notServiceAccounts: [chat/admin]}}]
    to: [{operation: {ports: ["8080"]}}]
    when: [{key: "request.headers[mcp-name]", values: [execute_sql]}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sql, namespace: chat}
spec:
  selector: {matchLabels: {app: mcp}}
  action: DENY
  rules:
  - from: [{source: {notServiceAccounts: [chat/admin]}}]
    to: [{operation: {ports: ["8080"]}}]
    when: [{key: "request.headers[mcp-name]", values: [execute_sql]}]
  - to: [{operation: {ports: ["8080"], methods: [POST]}}]
    when: [{key: "request.headers[mcp-protocol-version]", notValues: ["2026-07-28"]}]
""",
    sources=("https://modelcontextprotocol.io/specification/",),
)
def check(mesh: MeshView) -> Hits:
    guarded: set[str] = set()
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            if any(condition.header == "mcp-protocol-version" for condition in rule_.conditions):
                guarded.add(policy.obj.namespace)
    for route in mesh.http_routes:
        for match in route.matches:
            if any(name.lower() == "mcp-protocol-version" for name in mapping(match, "headers")):
                guarded.add("")
    for policy in mesh.authorization_policies:
        if guarded & {policy.obj.namespace, mesh.root_namespace, ""}:
            continue
        for rule_ in policy.rules:
            for condition in rule_.conditions:
                if condition.header in ("mcp-name", "mcp-method"):
                    problem = f"reads {condition.header}, which clients of older protocol versions do not send"
                    mend = "add a DENY when request.headers[mcp-protocol-version] notValues [2026-07-28]"
                    yield Hit(policy.obj, condition.path, problem, mend)
                    return
