"""Gateways: where traffic enters and leaves the mesh, and everything that follows from their names.

A gateway's namespace, service account, pod label, Service and principal are all read from its spec; nothing else in the
program writes one of these down. Reference: https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs import gateway_workload, listeners
from chatgpt_mesh.mesh.specs.client_keepalive import ClientKeepaliveSpec
from chatgpt_mesh.mesh.specs.declared import Declared, NamedSpec, listed
from chatgpt_mesh.mesh.specs.existing_gateway import ExistingGatewaySpec
from chatgpt_mesh.mesh.specs.gateway_workload import WorkloadSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import OwnNamespace, ServiceName
from chatgpt_mesh.mesh.specs.listeners import ListenerSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["public", "internal", "egress"]


RELEASES: dict[str, tuple[str, str]] = {
    "public": ("istio-ingressgateway", "istio-ingress"),
    "internal": ("istio-internalgateway", "istio-internal"),
    "egress": ("istio-egressgateway", "istio-egress"),
}
"""Chart release and namespace by kind. The chart names the service account after the release."""


LONGEST_RELEASE = 53
"""Characters of a release: https://helm.sh/docs/chart_template_guide/getting_started/"""


class GatewaySpec(NamedSpec):
    """One gateway: its chart release, its pods, its listeners."""

    section = "gateways"

    kind: Kind
    """public: a load balancer on the internet. internal: a load balancer inside the VPC. egress: the way out."""
    release: ServiceName | None = None
    """Chart release, also the Service and the service account. Default by kind: istio-ingressgateway,
    istio-internalgateway, istio-egressgateway."""
    namespace: Annotated[DnsLabel, OwnNamespace] | None = None
    """Namespace of its pods, Secrets and policies. Default by kind: istio-ingress, istio-internal, istio-egress."""
    listeners: dict[DnsLabel, ListenerSpec] = {}
    """Listeners by name. An egress gateway has none: they follow from `egress`."""
    redirect_http: bool = True
    """Answer port 80 of every HTTPS host with 301 to https, and nothing else."""
    reject_header_underscores: bool = True
    """Refuse requests with '_' in a header name: CGI and WSGI fold `x_mcp_sub` and `x-mcp-sub` into one name."""
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    """Proxies before the gateway that write X-Forwarded-For, such as 2 for Google's Application Load Balancers (client
    and balancer). The client's address, for limits and policies by address, is the one that the first of them saw. With
    0 it is the connection's own, which the load balancer of a Service keeps. Security: one too many lets clients write
    their address themselves. https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/"""
    keepalive: ClientKeepaliveSpec | None = ClientKeepaliveSpec()
    """TCP keepalive of its clients' connections; null leaves them to the load balancer, which drops silent ones."""
    workload: WorkloadSpec = WorkloadSpec()
    """Pods and Service."""
    existing: ExistingGatewaySpec | None = None
    """Somebody else runs its pods; `existing: {}` for one of Istio's gateway chart. This stack then makes neither its
    namespace nor its chart, and `namespace` and `release` say where it is."""

    @property
    def release_name(self) -> str:
        return self.release or RELEASES[self.kind][0]

    @property
    def home(self) -> str:
        """The namespace."""
        return self.namespace or RELEASES[self.kind][1]

    @property
    def path(self) -> str:
        """What nothing else on the cluster has: its pods' namespace and its release."""
        return f"{self.home}/{self.release_name}"

    @property
    def service_account(self) -> str:
        """The chart's `gateway.serviceAccountName`: the release's name."""
        return (self.existing and self.existing.service_account) or self.release_name

    @property
    def pod_labels(self) -> dict[str, str]:
        """The chart's label `istio`: the release's name without the prefix `istio-`."""
        if self.existing is not None and self.existing.labels:
            return dict(self.existing.labels)
        return {"istio": self.release_name.removeprefix("istio-")}

    @property
    def least_replicas(self) -> int:
        """How many pods it has at least."""
        return self.workload.replicas.min if self.existing is None else self.existing.replicas or 1

    @property
    def service_host(self) -> str:
        return f"{self.release_name}.{self.home}.svc.cluster.local"

    @property
    def service_type(self) -> str:
        return self.workload.service.type or ("ClusterIP" if self.kind == "egress" else "LoadBalancer")

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """Ports of the Service, by name; an egress gateway always has 443 (`tls`)."""
        if self.kind == "egress":
            return (("tls", 443),)
        declared = {listener.port: name for name, listener in self.listeners.items()}
        named = [(name, port) for port, name in sorted(declared.items())]
        if self.serves_redirect:
            named.insert(0, ("http-redirect", 80))
        return tuple(named)

    @property
    def serves_redirect(self) -> bool:
        return self.redirect_http and any(listener.protocol == "HTTPS" for listener in self.listeners.values())

    @property
    def http_ports(self) -> tuple[int, ...]:
        """Ports on which it reads HTTP."""
        secure = {listener.port for listener in self.listeners.values() if listener.protocol == "HTTPS"}
        return tuple(sorted(secure | {80})) if self.serves_redirect else tuple(sorted(secure))

    def listener_of(self, host: str) -> str | None:
        """The HTTPS listener that serves a host: the exact name first, then the longest wildcard."""
        matching = [
            (pattern == host, len(pattern), name)
            for name, listener in self.listeners.items()
            if listener.protocol == "HTTPS"
            for pattern in listener.hosts
            if covers(pattern, host)
        ]
        return max(matching)[2] if matching else None


def covers(pattern: str, host: str) -> bool:
    """Whether a listener's host takes in an app's host (`*` stands for one label or more, as in Istio)."""
    return pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def problems(gateways: Declared[GatewaySpec], services: Mapping[str, Mapping[str, int]]) -> Iterator[Problem]:
    """`services`: ports of the apps' Services, by namespace and name; empty where not all apps could be read."""
    homes: dict[tuple[str, str], str] = {}
    for name, spec in gateways.items():
        path = spec.declared_at
        other = homes.setdefault((spec.home, spec.release_name), name)
        if other != name:
            yield Problem(
                f"{path}.release",
                f"gateways.{other} has this release in namespace {spec.home} too; give one of them another "
                "release or namespace",
                spec.release_name,
            )
        if len(spec.release_name) > LONGEST_RELEASE:
            yield Problem(
                f"{path}.release", f"must have {LONGEST_RELEASE} characters at most, as releases of Helm", spec.release
            )
        yield from gateway_workload.problems(f"{path}.workload", spec.workload, spec.service_type)
        if spec.kind == "egress":
            if spec.listeners:
                yield Problem(
                    f"{path}.listeners",
                    "an egress gateway has no listeners of its own; declare destinations under egress.allow",
                )
            for field in ("keepalive", "trusted_proxies"):
                if field in spec.model_fields_set:
                    yield Problem(
                        f"{path}.{field}",
                        "is for clients behind a load balancer, and those of an egress gateway are sidecars; remove it",
                    )
            continue
        yield from _proxy_problems(spec)
        for listener_name, listener in spec.listeners.items():
            yield from listeners.problems(
                f"{path}.listeners.{listener_name}",
                listener,
                public=spec.kind == "public",
                redirect=spec.serves_redirect,
            )
            yield from _destination_problems(services, f"{path}.listeners.{listener_name}.destination", listener)
        yield from _clashes(path, spec)


def _proxy_problems(spec: GatewaySpec) -> Iterator[Problem]:
    service = spec.workload.service
    if spec.trusted_proxies and spec.service_type == "LoadBalancer" and not service.source_ranges:
        yield Problem(
            f"{spec.declared_at}.trusted_proxies",
            "takes the client's address from a header, and the load balancer lets everybody in to write it; name the "
            "networks of the proxies in workload.service.source_ranges, or set workload.service.type to ClusterIP",
            spec.trusted_proxies,
        )


def _destination_problems(
    services: Mapping[str, Mapping[str, int]], path: str, listener: ListenerSpec
) -> Iterator[Problem]:
    if listener.destination is None:
        return
    service, _, namespace = listener.destination.host.removesuffix(".svc.cluster.local").partition(".")
    if namespace not in services:
        return
    port = services[namespace].get(service)
    if port is None:
        yield Problem(
            f"{path}.host",
            f"no app of {namespace} has this service, and whatever is not an app there is denied; "
            f"its services: {listed(services[namespace])}",
            listener.destination.host,
        )
    elif port != listener.destination.port:
        yield Problem(f"{path}.port", f"the service's port is {port}", listener.destination.port)


def _clashes(path: str, spec: GatewaySpec) -> Iterator[Problem]:
    taken: dict[tuple[int, str], str] = {}
    for name, listener in spec.listeners.items():
        for host in listener.hosts or ("*",):
            other = taken.setdefault((listener.port, host), name)
            if other != name:
                yield Problem(
                    f"{path}.listeners.{name}.hosts",
                    f"port {listener.port} serves this host on listener {other} already",
                    host,
                )
        yield from _open_beside(path, name, spec)
        for other_name, other_listener in spec.listeners.items():
            if (
                other_name < name
                and other_listener.port == listener.port
                and "TCP" in (listener.protocol, other_listener.protocol)
            ):
                yield Problem(
                    f"{path}.listeners.{name}.port",
                    f"a TCP listener needs a port of its own; {other_name} has it too",
                    listener.port,
                )


def _open_beside(path: str, name: str, spec: GatewaySpec) -> Iterator[Problem]:
    """Whoever has connected to a wildcard without a certificate may ask for any host below it on that connection."""
    guarded = spec.listeners[name]
    if guarded.tls is None or guarded.tls.client_certificates is None:
        return
    for other, listener in spec.listeners.items():
        if listener.tls is None or listener.tls.client_certificates is not None or listener.port != guarded.port:
            continue
        below = [host for host in guarded.hosts if any(one != host and covers(one, host) for one in listener.hosts)]
        if below:
            yield Problem(
                f"{path}.listeners.{name}.hosts",
                f"is below a wildcard of listener {other}, which asks for no client certificate, so a client could "
                "connect there and ask for this host; keep the hosts apart, or use another gateway",
                below[0],
            )
