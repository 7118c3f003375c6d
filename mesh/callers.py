"""Who may call an app, by verified identity:
https://istio.io/latest/docs/reference/config/security/authorization-policy/

Each app has one ALLOW policy with a rule per edge of the graph: this caller, these hosts, these paths and methods, this
port. Nothing else allows anything (`mesh.security` denies by default).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

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
from chatgpt_mesh.mesh.owned import Owned
from chatgpt_mesh.mesh.problem import Problem
from chatgpt_mesh.mesh.spec import DnsLabel, HttpPath, Many, Spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.mesh.app import AppSpec
    from chatgpt_mesh.mesh.graph import Edge, Graph, Parts

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class CallerSpec(Spec):
    """A workload that may call this app. Exactly one of app and service_account."""

    app: DnsLabel | None = None
    """An app of this stack."""
    service_account: DnsLabel | None = None
    """A service account."""
    namespace: DnsLabel | None = None
    """Namespace of the service account. Default: this app's. A namespace outside this stack is another team's and
    taken at its word."""
    paths: Many[HttpPath] = ()
    """Exact paths, or with a trailing '/' everything below. Default: the MCP path, and the app's own routes."""
    methods: Many[Method] = ()
    """Methods. Default: those that the paths are declared with, else GET and POST."""


def problems(parts: Parts, path: str, app: AppSpec) -> Iterator[Problem]:
    if app.callers and app.service is None:
        yield Problem(
            f"{path}.callers", "an app without service cannot be called; declare service, or remove the callers"
        )
    for index, caller in enumerate(app.callers):
        where = f"{path}.callers.{index}"
        if (caller.app is None) == (caller.service_account is None):
            yield Problem(where, "needs exactly one of app and service_account")
            continue
        if caller.app is not None:
            if caller.namespace is not None:
                yield Problem(f"{where}.namespace", "belongs to service_account; the namespace of an app is known")
            if not parts.knows_app(caller.app):
                yield Problem(
                    f"{where}.app", f"is not an app of this stack; there are: {listed(parts.apps)}", caller.app
                )
        elif parts.all_apps_read:
            namespace = caller.namespace or app.namespace
            if namespace in parts.namespaces and (namespace, caller.service_account) not in parts.identities:
                there = listed(account for ns, account in sorted(parts.identities) if ns == namespace)
                yield Problem(
                    f"{where}.service_account",
                    f"no app of this stack runs as this account in {namespace}; there are: {there}. Declare "
                    "the caller as an app "
                    "(namespace alone is enough), or mend the name",
                    caller.service_account,
                )
        if (
            app.service is not None
            and not caller.paths
            and app.mcp is None
            and not any(route.own for route in app.routes)
        ):
            yield Problem(
                f"{where}.paths", "is missing; this app declares no path of its own that could be the default"
            )


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def objects(graph: Graph, name: str, app: AppSpec) -> Iterator[Owned]:
    edges = graph.edges[name]
    if app.service is None or not edges:
        return
    port = str(app.service.target_port or app.service.port)
    policy = AuthorizationPolicy(
        selector=WorkloadSelector(match_labels=app.pod_labels(name)),
        action=AuthorizationPolicy_Action.ALLOW,
        rules=[_rule(graph, edge, port) for edge in edges],
    )
    yield Owned(
        Resource(metadata=ObjectMeta(name=f"{name}-callers", namespace=app.namespace), spec=policy),
        f"apps.{name}.callers",
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
