"""Who may call an app, by verified identity:
https://istio.io/latest/docs/reference/config/security/authorization-policy/

Each app has one ALLOW policy with a rule per edge of the graph: this caller, these hosts, these paths and methods, this
port. Nothing else allows anything (`mesh.objects.security` denies by default).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    Operation,
    Rule,
    Rule_From,
    Rule_To,
    Source,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Edge, Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec


def objects(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    edges = graph.edges[app.name]
    if app.service is None or not edges:
        return
    port = str(app.service.target_port or app.service.port)
    policy = AuthorizationPolicy(
        selector=WorkloadSelector(match_labels=app.pod_labels),
        action=AuthorizationPolicy_Action.ALLOW,
        rules=[_rule(graph, edge, port) for edge in edges],
    )
    yield Owned(
        Resource(metadata=ObjectMeta(name=f"{app.name}-callers", namespace=app.namespace), spec=policy),
        f"{app.declared_at}.callers",
    )


def _rule(graph: Graph, edge: Edge, port: str) -> Rule:
    source = Rule_From(source=Source(principals=[graph.principal(edge.source)]))
    if not edge.endpoints:
        return Rule(from_=[source], to=[Rule_To(operation=Operation(ports=[port]))])
    by_methods: dict[tuple[str, ...], list[str]] = {}
    for endpoint in edge.endpoints:
        paths = by_methods.setdefault(endpoint.methods, [])
        if endpoint.policy_path not in paths:
            paths.append(endpoint.policy_path)
    return Rule(
        from_=[source],
        to=[
            Rule_To(operation=Operation(hosts=edge.hosts, methods=methods, paths=paths, ports=[port]))
            for methods, paths in by_methods.items()
        ],
    )
