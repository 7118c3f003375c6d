"""Zero trust for the whole mesh: mutual TLS everywhere, and nothing allowed that no declared edge allows.

Every workload of the mesh takes mutual TLS only, and a namespace that holds apps denies whatever no ALLOW names. The
ALLOWs come from the edges of the graph (`mesh.apps`, `mesh.egress`); the one way around mutual TLS is an exception for
one port of one workload, with a date.

Gateway namespaces get no empty ALLOW. An ALLOW policy makes a proxy answer 403 to everything else before its routes are
looked at, so a client without a token would meet a bare 403 instead of the 401 that starts OAuth, and the redirect of
plain HTTP would be 403 too; gateways refuse by DENY rules, and serve nothing but declared hosts and paths. The egress
gateway, which answers no stranger, denies by default (`mesh.egress`). The root namespace gets none either: a policy
without selector there holds for every proxy of the mesh, gateways included.

References: https://istio.io/latest/docs/reference/config/security/peer_authentication/ and
https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

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
from chatgpt_mesh.mesh.owned import Owned
from chatgpt_mesh.mesh.problem import Problem
from chatgpt_mesh.mesh.spec import Cidr, Date, DnsLabel, Hostname, HttpPath, Many, PortNumber, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph, Parts

NOTICE = timedelta(days=14)
"""How long before its date an exception is warned about."""

PROXY_PORTS = frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090})
"""Ports of the sidecar itself, which mutual TLS settings do not reach: https://istio.io/latest/docs/ops/deployment/application-requirements/"""


class MtlsExceptionSpec(Spec):
    """One port of one workload that takes plaintext until a date, for a client that has no sidecar yet.

    Callers in plaintext have no identity, so the port is opened to whoever reaches it from `from_networks`; `paths`
    narrows it further.
    """

    workload: DnsLabel
    """An app of this stack, or the value of the pod label `app` of another workload."""
    namespace: DnsLabel
    """Namespace of the workload."""
    port: PortNumber
    """Port that the container listens on (not the port of its Service)."""
    mode: Literal["permissive", "disable"] = "permissive"
    """permissive: mutual TLS and plaintext. disable: plaintext alone, which locks out callers of the mesh."""
    until: Date
    """Last day of the exception. The program warns 14 days before it, and stops after it."""
    why: str
    """Reason and owner, for whoever reads the warning."""
    from_networks: Annotated[Many[Cidr], Field(min_length=1)]
    """Networks that plaintext callers come from; there is nothing else to know them by."""
    paths: Many[HttpPath] = ()
    """Exact HTTP paths that plaintext callers may ask for, such as /metrics. Empty: all, and any TCP protocol."""


class SecuritySpec(Spec):
    """What holds for every workload of the mesh."""

    mtls: Literal["strict"] = "strict"
    """Only strict can be chosen: one plaintext port mesh-wide would let any pod in without an identity."""
    exceptions: Many[MtlsExceptionSpec] = ()
    """Ports that take plaintext until a date."""
    visible_services: dict[DnsLabel, Many[Hostname]] = {}
    """By app, further services of the cluster that it calls and that are no apps of this stack, by their full names,
    such as redis.data.svc.cluster.local. Its sidecar knows nothing else."""


def problems(parts: Parts) -> Iterator[Problem]:
    """Mistakes that types cannot see, expired exceptions among them."""
    if parts.security is None:
        return
    seen: dict[tuple[str, str, int], int] = {}
    for index, exception in enumerate(parts.security.exceptions):
        path = f"security.exceptions.{index}"
        if exception.until < parts.today:
            yield Problem(
                f"{path}.until",
                f"the exception for port {exception.port} of {exception.workload} has expired; give the client a "
                "sidecar and remove the exception, or move the date with a reason",
                exception.until.isoformat(),
            )
        if not exception.why.strip():
            yield Problem(f"{path}.why", "must say why the port takes plaintext and who will end that")
        if exception.port in PROXY_PORTS:
            yield Problem(
                f"{path}.port",
                "is a port of the sidecar itself, which serves it without mutual TLS in any case",
                exception.port,
            )
        app = parts.apps.get(exception.workload)
        if app is not None and app.namespace != exception.namespace:
            yield Problem(
                f"{path}.namespace",
                f"apps.{exception.workload} runs in namespace {app.namespace}; the exception would select nothing here",
                exception.namespace,
            )
        first = seen.setdefault((exception.namespace, exception.workload, exception.port), index)
        if first != index:
            yield Problem(
                path, f"port {exception.port} of {exception.workload} has an exception at security.exceptions.{first}"
            )


def warnings(parts: Parts) -> Iterator[Problem]:
    """Exceptions that end within 14 days."""
    if parts.security is None:
        return
    for index, exception in enumerate(parts.security.exceptions):
        days = (exception.until - parts.today).days
        if 0 <= days <= NOTICE.days:
            left = "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"
            yield Problem(
                f"security.exceptions.{index}.until",
                f"the exception for port {exception.port} of {exception.workload} ends {left}; after that the program "
                f"stops (reason given: {exception.why})",
                exception.until.isoformat(),
            )


def objects(graph: Graph) -> Iterator[Owned]:
    """Strict mutual TLS, the empty ALLOW of each namespace that holds apps, and the exceptions."""
    yield Owned(
        Resource(
            metadata=ObjectMeta(name="default", namespace=graph.istio_namespace),
            spec=PeerAuthentication(mtls=PeerAuthentication_MutualTLS(mode=PeerAuthentication_MutualTLS_Mode.STRICT)),
        ),
        "security.mtls",
    )
    for namespace in graph.app_namespaces:
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
        selector = WorkloadSelector(match_labels={"app": workload} if app is None else app.pod_labels(workload))
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
