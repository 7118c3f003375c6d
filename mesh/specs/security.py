"""What holds for every workload of the mesh: mutual TLS, its dated exceptions, and what sidecars may know.

What becomes of it, and why: `mesh.objects.security` and `mesh.objects.scoping`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs.dates import NOTICE, from_today, too_far
from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Cidr, Date, DnsLabel, Hostname, HttpPath, Many, PortNumber, Spec
from chatgpt_mesh.mesh.specs.words import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from chatgpt_mesh.mesh.specs.app import AppSpec


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
    why: Line
    """Reason and owner, for whoever reads the warning."""
    from_networks: Annotated[Many[Cidr], Field(min_length=1)]
    """Networks that plaintext callers come from; there is nothing else to know them by."""
    paths: Many[HttpPath] = ()
    """Exact HTTP paths that plaintext callers may ask for, such as /metrics. Empty: all, and any TCP protocol."""


class SecuritySpec(Spec):
    """What holds for every workload of the mesh."""

    mtls: Literal["strict"] = "strict"
    """Only strict can be chosen: one plaintext port mesh-wide would let any pod in without an identity."""
    scope: Literal["mesh", "namespaces"] = "mesh"
    """mesh: mutual TLS, closed egress and telemetry are the default of every namespace of the mesh. namespaces: of this
    stack's own alone, and nothing is written anywhere else; for a cluster that other teams use."""
    unanswered_key_sets: Literal["ignore", "warn", "stop"] = "warn"
    """What an `up` does about an issuer whose jwks_uri gives no key set to the machine that it runs on: such an issuer
    delays every change of a rule at its gateways. warn says which it is, stop ends before anything is changed. ignore
    is for a machine that does not reach what istiod reaches. A preview asks nobody."""
    exceptions: Many[MtlsExceptionSpec] = ()
    """Ports that take plaintext until a date."""
    visible_services: dict[DnsLabel, Many[Hostname]] = {}
    """By app, further services of the cluster that it calls and that are no apps of this stack, by their full names,
    such as redis.data.svc.cluster.local. Its sidecar knows nothing else."""


def problems(security: SecuritySpec, apps: Declared[AppSpec], today: date) -> Iterator[Problem]:
    """Mistakes that types cannot see, expired exceptions among them."""
    seen: dict[tuple[str, str, int], int] = {}
    for index, exception in enumerate(security.exceptions):
        path = f"security.exceptions.{index}"
        if exception.until < today:
            yield Problem(
                f"{path}.until",
                f"the exception for port {exception.port} of {exception.workload} has expired; give the client a "
                "sidecar and remove the exception, or move the date with a reason",
                exception.until.isoformat(),
            )
        elif refusal := too_far(exception.until, today):
            yield Problem(f"{path}.until", refusal, exception.until.isoformat())
        if _everything(exception.from_networks):
            yield Problem(
                f"{path}.from_networks",
                "are every address there is, and nothing but them says who may call in plaintext; name the networks of "
                "the clients",
                ", ".join(exception.from_networks),
            )
        if exception.port in PROXY_PORTS:
            yield Problem(
                f"{path}.port",
                "is a port of the sidecar itself, which serves it without mutual TLS in any case",
                exception.port,
            )
        app = apps.get(exception.workload)
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


def _everything(networks: Iterable[str]) -> bool:
    """Whether networks together take in all addresses of IPv4 or IPv6."""
    parsed = [ipaddress.ip_network(network) for network in networks]
    joined = (
        *ipaddress.collapse_addresses([network for network in parsed if isinstance(network, ipaddress.IPv4Network)]),
        *ipaddress.collapse_addresses([network for network in parsed if isinstance(network, ipaddress.IPv6Network)]),
    )
    return any(network.prefixlen == 0 for network in joined)


def visibility_problems(security: SecuritySpec, apps: Declared[AppSpec]) -> Iterator[Problem]:
    """Mistakes in what sidecars shall know beside the declared callers and destinations."""
    for app, services in security.visible_services.items():
        path = f"security.visible_services.{app}"
        if not apps.knows(app):
            yield Problem(path, f"is no app of this stack (apps: {listed(sorted(apps))})", app)
        for index, service in enumerate(services):
            if not service.endswith(".svc.cluster.local"):
                yield Problem(
                    f"{path}.{index}",
                    "must be the full name of a service of the cluster, such as redis.data.svc.cluster.local; hosts "
                    "outside it belong to egress.allow",
                    service,
                )


def warnings(security: SecuritySpec, today: date) -> Iterator[Problem]:
    """Exceptions that end within 14 days."""
    for index, exception in enumerate(security.exceptions):
        if 0 <= (exception.until - today).days <= NOTICE.days:
            left = from_today(exception.until, today)
            yield Problem(
                f"security.exceptions.{index}.until",
                f"the exception for port {exception.port} of {exception.workload} ends {left}; after that the program "
                f"stops (reason given: {exception.why})",
                exception.until.isoformat(),
            )
