"""Zero trust for the whole mesh: mutual TLS everywhere, and nothing allowed that no declared edge allows.

Every workload of the mesh takes mutual TLS only, and a namespace that holds apps denies whatever no ALLOW names. The
ALLOWs come from the edges of the graph (`mesh.objects.callers`, `mesh.objects.egress_gateway`); the one way around
mutual TLS is an exception for one port of one workload, with a date.

Gateway namespaces get no empty ALLOW. An ALLOW policy makes a proxy answer 403 to everything else before its routes are
looked at, so a client without a token would meet a bare 403 instead of the 401 that starts OAuth, and the redirect of
plain HTTP would be 403 too; gateways refuse by DENY rules, and serve nothing but declared hosts and paths. The egress
gateway, which answers no stranger, denies by default (`mesh.objects.egress_gateway`). The root namespace gets none
either: a policy without selector there holds for every proxy of the mesh, gateways included.

References: https://istio.io/latest/docs/reference/config/security/peer_authentication/ and
https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    Operation,
    PeerAuthentication,
    PeerAuthentication_MutualTLS,
    PeerAuthentication_MutualTLS_Mode,
    Rule,
    Rule_From,
    Rule_To,
    Source,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.security import MtlsExceptionSpec


def objects(graph: Graph) -> Iterator[Owned]:
    """Strict mutual TLS, the empty ALLOW of each namespace that holds apps, and the exceptions."""
    strict = PeerAuthentication(mtls=PeerAuthentication_MutualTLS(mode=PeerAuthentication_MutualTLS_Mode.STRICT))
    for namespace in graph.defaults_in:
        metadata = ObjectMeta(name="default", namespace=namespace)
        yield Owned(Resource(metadata=metadata, spec=strict), "security.mtls")
    for namespace in (*graph.app_namespaces, *graph.granted_namespaces):
        # An ALLOW policy without rules matches no request, and its presence is what makes everything unlisted 403.
        yield Owned(
            Resource(metadata=ObjectMeta(name="allow-nothing", namespace=namespace), spec=AuthorizationPolicy()),
            "security",
        )
    yield from _exceptions(graph)


_MODE = {
    "permissive": PeerAuthentication_MutualTLS_Mode.PERMISSIVE,
    "disable": PeerAuthentication_MutualTLS_Mode.DISABLE,
}


def _exceptions(graph: Graph) -> Iterator[Owned]:
    by_workload: dict[tuple[str, str], list[tuple[int, MtlsExceptionSpec]]] = {}
    for index, exception in enumerate(graph.security.exceptions):
        by_workload.setdefault((exception.namespace, exception.workload), []).append((index, exception))
    for (namespace, workload), exceptions in by_workload.items():
        app = graph.apps.get(workload)
        selector = WorkloadSelector(match_labels={"app": workload} if app is None else app.pod_labels)
        owner = f"security.exceptions.{exceptions[0][0]}"
        # Of several PeerAuthentications for one workload Istio takes the oldest alone, so its ports share one.
        yield Owned(
            Resource(
                metadata=ObjectMeta(name=f"{workload}-exceptions", namespace=namespace),
                spec=PeerAuthentication(
                    selector=selector,
                    mtls=PeerAuthentication_MutualTLS(mode=PeerAuthentication_MutualTLS_Mode.STRICT),
                    port_level_mtls={e.port: PeerAuthentication_MutualTLS(mode=_MODE[e.mode]) for _, e in exceptions},
                ),
            ),
            owner,
        )
        # A caller in plaintext has no principal, so no ALLOW of the graph can match it.
        yield Owned(
            Resource(
                metadata=ObjectMeta(name=f"{workload}-exceptions", namespace=namespace),
                spec=AuthorizationPolicy(
                    selector=selector,
                    action=AuthorizationPolicy_Action.ALLOW,
                    rules=tuple(_plaintext_rule(e) for _, e in exceptions),
                ),
            ),
            owner,
        )


def _plaintext_rule(exception: MtlsExceptionSpec) -> Rule:
    # Callers with an identity keep needing their own edge: the exception is for those that have none.
    stranger = Source(not_principals=("*",), ip_blocks=exception.from_networks)
    operation = Operation(ports=(str(exception.port),), paths=exception.paths)
    return Rule(from_=(Rule_From(source=stranger),), to=(Rule_To(operation=operation),))
