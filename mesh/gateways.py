"""Gateways: where traffic enters and leaves the mesh, and everything that follows from their names.

A gateway's namespace, service account, pod label, Service and principal are all read from its spec; nothing else in the
program writes one of these down. Reference: https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from istio_api.networking import (
    Destination,
    Gateway,
    L4MatchAttributes,
    Port,
    PortSelector,
    RouteDestination,
    Server,
    ServerTLSSettings,
    ServerTLSSettings_TLSmode,
    ServerTLSSettings_TLSProtocol,
    TCPRoute,
    TLSMatchAttributes,
    TLSRoute,
    VirtualService,
)
from istio_api.resource import ObjectMeta, Resource
from mesh.owned import Manifest, Owned
from mesh.problem import Problem
from mesh.spec import Cidr, DnsLabel, Hostname, Labels, Many, PortNumber, Spec, WildcardHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.graph import Graph, Parts

Kind = Literal["public", "internal", "egress"]

RELEASES: dict[str, tuple[str, str]] = {
    "public": ("istio-ingressgateway", "istio-ingress"),
    "internal": ("istio-internalgateway", "istio-internal"),
    "egress": ("istio-egressgateway", "istio-egress"),
}
"""Chart release and namespace by kind. The chart names the service account after the release."""

AEAD_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""The suites of TLS 1.2 with forward secrecy and authenticated encryption; TLS 1.3 has no others and ignores the
list."""

Cipher = Literal[
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
]


class CertManagerSpec(Spec):
    """A certificate that cert-manager requests and renews: https://cert-manager.io/docs/usage/certificate/"""

    issuer: DnsLabel
    """Name of the cert-manager issuer."""
    kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    """Kind of the issuer. An Issuer must live in the gateway's namespace."""


class ClientCertificatesSpec(Spec):
    """Mutual TLS: the CA is the key `ca.crt` of the listener's Secret, or a Secret named like it with `-cacert`."""

    subjects: Many[str] = ()
    """Subject alternative names of which a client must show one. Empty: every client with a certificate of the CA."""


class ListenerTlsSpec(Spec):
    """The server's side of TLS."""

    secret: DnsLabel | None = None
    """Secret of type kubernetes.io/tls in the gateway's namespace. Default with `cert_manager`:
    GATEWAY-LISTENER-tls."""
    cert_manager: CertManagerSpec | None = None
    """Have cert-manager fill the Secret, instead of somebody else."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Lowest TLS version. 1.0 and 1.1 cannot be chosen: RFC 8996 deprecates them."""
    max_version: Literal["1.2", "1.3"] | None = None
    """Highest TLS version. Default: the highest that the proxy speaks."""
    ciphers: Many[Cipher] = AEAD_CIPHERS
    """Suites for TLS 1.2. Only forward-secret AEAD suites can be chosen (RFC 9325, section 4.2)."""
    client_certificates: ClientCertificatesSpec | None = None
    """Ask for a client certificate and refuse clients without one."""


class ServiceDestinationSpec(Spec):
    """Where a TCP or TLS passthrough listener leads: one named service, so that nothing is exposed by accident."""

    host: Hostname
    """Full name of the service, such as postgres.data.svc.cluster.local."""
    port: PortNumber
    """Port of the service."""


class ListenerSpec(Spec):
    """One port of a gateway, with the hosts it may serve."""

    port: PortNumber = 443
    """Port of the gateway's Service."""
    protocol: Literal["HTTPS", "TLS", "TCP"] = "HTTPS"
    """HTTPS: the gateway terminates TLS. TLS: it passes TLS through by server name. TCP: bytes, internal gateways
    only."""
    hosts: Many[WildcardHost] = ()
    """Hosts that apps may claim on this listener: names or wildcards such as *.example.com. Not for TCP."""
    tls: ListenerTlsSpec | None = None
    """Certificate and versions, for HTTPS."""
    destination: ServiceDestinationSpec | None = None
    """The one service behind the listener, for TLS and TCP."""
    shared_with: Many[DnsLabel] = ()
    """Namespaces of other stacks that may attach VirtualServices for these hosts."""


class ReplicasSpec(Spec):
    """Bounds of the horizontal autoscaler; the same number twice means a fixed count without autoscaler."""

    min: int = Field(default=2, ge=1)
    """Lowest count. Two and more get a PodDisruptionBudget."""
    max: int = Field(default=5, ge=1)
    """Highest count."""


class ResourcesSpec(Spec):
    """Kubernetes resource quantities of the proxy container."""

    cpu: str = "500m"
    """Requested CPU."""
    memory: str = "256Mi"
    """Requested memory."""
    cpu_limit: str | None = None
    """Limit of CPU. Default: none, since throttling a proxy shows as latency everywhere."""
    memory_limit: str | None = "1Gi"
    """Limit of memory."""


class GatewayServiceSpec(Spec):
    """The Kubernetes Service in front of the gateway's pods."""

    type: Literal["LoadBalancer", "ClusterIP", "NodePort"] | None = None
    """Default: LoadBalancer for public and internal gateways, ClusterIP for egress."""
    address: str | None = None
    """Reserved IP address, or the name of a reserved address, that the load balancer takes."""
    annotations: dict[str, str] = {}
    """Further annotations of the Service."""
    source_ranges: Many[Cidr] = ()
    """Client networks that the load balancer lets in. Empty: all."""
    external_traffic_policy: Literal["Local", "Cluster"] = "Local"
    """Local keeps the client's address; Cluster replaces it by the node's."""


class WorkloadSpec(Spec):
    """The gateway's pods."""

    replicas: ReplicasSpec = ReplicasSpec()
    """How many."""
    target_cpu_percent: int = Field(default=70, ge=1, le=100)
    """Mean CPU use, in percent of the request, at which the autoscaler adds a replica."""
    min_available: int = Field(default=1, ge=1)
    """PodDisruptionBudget: replicas that must stay. Below `replicas.min`, or no node could ever be drained."""
    resources: ResourcesSpec = ResourcesSpec()
    """Requests and limits."""
    spread: Many[Literal["zone", "node"]] = ("zone", "node")
    """Spread replicas over zones and nodes where it can be done (ScheduleAnyway)."""
    node_selector: Labels = {}
    """Labels that nodes for this gateway must have."""
    tolerations: Many[dict[str, str]] = ()
    """Taints that this gateway's pods tolerate, as in a pod."""
    service: GatewayServiceSpec = GatewayServiceSpec()
    """The Service."""


class GatewaySpec(Spec):
    """One gateway: its chart release, its pods, its listeners."""

    kind: Kind
    """public: a load balancer on the internet. internal: a load balancer inside the VPC. egress: the way out."""
    release: DnsLabel | None = None
    """Chart release, also the Service and the service account. Default by kind: istio-ingressgateway,
    istio-internalgateway, istio-egressgateway."""
    namespace: DnsLabel | None = None
    """Namespace of its pods, Secrets and policies. Default by kind: istio-ingress, istio-internal, istio-egress."""
    listeners: dict[DnsLabel, ListenerSpec] = {}
    """Listeners by name. An egress gateway has none: they follow from `egress`."""
    redirect_http: bool = True
    """Answer port 80 of every HTTPS host with 301 to https, and nothing else."""
    reject_header_underscores: bool = True
    """Refuse requests with '_' in a header name: CGI and WSGI fold `x_mcp_sub` and `x-mcp-sub` into one name."""
    workload: WorkloadSpec = WorkloadSpec()
    """Pods and Service."""

    @property
    def release_name(self) -> str:
        return self.release or RELEASES[self.kind][0]

    @property
    def home(self) -> str:
        """The namespace."""
        return self.namespace or RELEASES[self.kind][1]

    @property
    def service_account(self) -> str:
        """The chart's `gateway.serviceAccountName`: the release's name."""
        return self.release_name

    @property
    def pod_labels(self) -> dict[str, str]:
        """The chart's label `istio`: the release's name without the prefix `istio-`."""
        return {"istio": self.release_name.removeprefix("istio-")}

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


def problems(parts: Parts) -> Iterator[Problem]:
    """Mistakes that types cannot see."""
    homes: dict[tuple[str, str], str] = {}
    for name, spec in parts.gateways.items():
        path = f"gateways.{name}"
        other = homes.setdefault((spec.home, spec.release_name), name)
        if other != name:
            yield Problem(
                f"{path}.release",
                f"gateways.{other} has this release in namespace {spec.home} too; give one of them another "
                "release or namespace",
                spec.release_name,
            )
        yield from _workload_problems(path, spec)
        if spec.kind == "egress":
            if spec.listeners:
                yield Problem(
                    f"{path}.listeners",
                    "an egress gateway has no listeners of its own; declare destinations under egress.allow",
                )
            continue
        for listener_name, listener in spec.listeners.items():
            yield from _listener_problems(f"{path}.listeners.{listener_name}", spec, listener)
        yield from _clashes(path, spec)


def _workload_problems(path: str, spec: GatewaySpec) -> Iterator[Problem]:
    replicas = spec.workload.replicas
    if replicas.max < replicas.min:
        yield Problem(
            f"{path}.workload.replicas.max", f"must be at least replicas.min, which is {replicas.min}", replicas.max
        )
    if replicas.min > 1 and spec.workload.min_available >= replicas.min:
        yield Problem(
            f"{path}.workload.min_available",
            f"must be below replicas.min, which is {replicas.min}: a budget of all replicas blocks every node upgrade",
            spec.workload.min_available,
        )
    if spec.workload.service.source_ranges and spec.service_type != "LoadBalancer":
        yield Problem(
            f"{path}.workload.service.source_ranges",
            f"only a LoadBalancer filters client networks, and this Service is of type {spec.service_type}; remove it",
        )


def _listener_problems(path: str, spec: GatewaySpec, listener: ListenerSpec) -> Iterator[Problem]:
    if listener.port in (15021, 15020, 15090):
        yield Problem(
            f"{path}.port", "is a port of the proxy itself (health and metrics); choose another", listener.port
        )
    if listener.port == 80 and (listener.protocol != "TCP" or spec.serves_redirect):
        yield Problem(f"{path}.port", "port 80 only redirects to https; choose another port", 80)
    if listener.protocol == "TCP" and spec.kind == "public":
        yield Problem(
            f"{path}.protocol",
            "TCP is for internal gateways only: bytes that nothing authenticates have no place on the internet; "
            "move the listener to a gateway of kind internal, or use TLS",
            "TCP",
        )
    if listener.protocol == "HTTPS":
        if listener.tls is None:
            yield Problem(f"{path}.tls", "is missing; an HTTPS listener needs tls.secret or tls.cert_manager")
        elif listener.tls.secret is None and listener.tls.cert_manager is None:
            yield Problem(f"{path}.tls", "needs secret (an existing Secret) or cert_manager (one that is made)")
        elif listener.tls.max_version is not None and listener.tls.max_version < listener.tls.min_version:
            yield Problem(
                f"{path}.tls.max_version",
                f"must not be below min_version {listener.tls.min_version}",
                listener.tls.max_version,
            )
        if listener.destination is not None:
            yield Problem(
                f"{path}.destination", "is for TLS and TCP; an HTTPS listener leads where its apps' routes say"
            )
    else:
        if listener.destination is None:
            yield Problem(
                f"{path}.destination", f"is missing; a {listener.protocol} listener leads to one named service"
            )
        if listener.tls is not None:
            yield Problem(f"{path}.tls", f"is for HTTPS; a {listener.protocol} listener does not terminate TLS")
    if listener.protocol == "TCP" and listener.hosts:
        yield Problem(f"{path}.hosts", "TCP carries no host name; remove the list")
    if listener.protocol != "TCP" and not listener.hosts:
        yield Problem(f"{path}.hosts", "is missing; list the hosts that may be served here, such as *.example.com")


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


_TLS_VERSION = {"1.2": ServerTLSSettings_TLSProtocol.TLSV1_2, "1.3": ServerTLSSettings_TLSProtocol.TLSV1_3}


def secret_name(gateway: str, listener: str, tls: ListenerTlsSpec) -> str:
    return tls.secret or f"{gateway}-{listener}-tls"


def _server_tls(gateway: str, name: str, tls: ListenerTlsSpec) -> ServerTLSSettings:
    clients = tls.client_certificates
    return ServerTLSSettings(
        mode=ServerTLSSettings_TLSmode.SIMPLE if clients is None else ServerTLSSettings_TLSmode.MUTUAL,
        credential_name=secret_name(gateway, name, tls),
        min_protocol_version=_TLS_VERSION[tls.min_version],
        max_protocol_version=None if tls.max_version is None else _TLS_VERSION[tls.max_version],
        cipher_suites=tls.ciphers if tls.min_version == "1.2" else (),
        subject_alt_names=() if clients is None else clients.subjects,
    )


def _server(gateway: str, name: str, listener: ListenerSpec, hosts: tuple[str, ...]) -> Server:
    match listener.protocol:
        case "HTTPS":
            assert listener.tls is not None, "refused by problems()"  # noqa: S101
            tls = _server_tls(gateway, name, listener.tls)
        case "TLS":
            tls = ServerTLSSettings(mode=ServerTLSSettings_TLSmode.PASSTHROUGH)
        case "TCP":
            tls = None
    port = Port(number=listener.port, name=f"{listener.protocol.lower()}-{name}", protocol=listener.protocol)
    return Server(port=port, hosts=hosts, tls=tls)


def objects(graph: Graph) -> Iterator[Owned]:
    """The Gateway of each public and internal gateway, its certificates, and its TCP and passthrough routes."""
    for name, spec in graph.gateways.items():
        if spec.kind == "egress" or not spec.listeners:
            continue
        owner = f"gateways.{name}"
        claimed: dict[str, set[str]] = {}
        for app_name, app in graph.apps.items():
            for exposure in app.exposures:
                if exposure.gateway == name and (listener_name := spec.listener_of(exposure.host)) is not None:
                    claimed.setdefault(listener_name, set()).add(f"{graph.apps[app_name].namespace}/{exposure.host}")
        servers: list[Server] = []
        for listener_name, listener in spec.listeners.items():
            hosts = claimed.get(listener_name, set()) | {
                f"{ns}/{host}" for ns in listener.shared_with for host in listener.hosts
            }
            if listener.protocol == "TCP":
                hosts = {f"{spec.home}/*"}
            elif not hosts or listener.protocol == "TLS":
                hosts |= {f"{spec.home}/{host}" for host in listener.hosts}
            servers.append(_server(name, listener_name, listener, tuple(sorted(hosts))))
            yield from _listener_objects(owner, name, spec, listener_name, listener)
        if spec.serves_redirect:
            # A namespaced host on a redirecting server becomes a virtual host of that literal name, so these are bare.
            secure = sorted({host.split("/")[1] for s in servers if s.port.protocol == "HTTPS" for host in s.hosts})
            servers.append(
                Server(
                    port=Port(number=80, name="http-redirect", protocol="HTTP"),
                    hosts=tuple(secure),
                    tls=ServerTLSSettings(https_redirect=True),
                )
            )
        gateway = Gateway(selector=spec.pod_labels, servers=tuple(servers))
        yield Owned(Resource(metadata=ObjectMeta(name=name, namespace=spec.home), spec=gateway), owner)


def _listener_objects(
    owner: str, gateway: str, spec: GatewaySpec, name: str, listener: ListenerSpec
) -> Iterator[Owned]:
    if listener.tls is not None and listener.tls.cert_manager is not None:
        secret = secret_name(gateway, name, listener.tls)
        issuer = listener.tls.cert_manager
        yield Owned(
            Manifest(
                api_version="cert-manager.io/v1",
                kind="Certificate",
                metadata=ObjectMeta(name=secret, namespace=spec.home),
                body={
                    "spec": {
                        "secretName": secret,
                        "dnsNames": list(listener.hosts),
                        "issuerRef": {"group": "cert-manager.io", "kind": issuer.kind, "name": issuer.issuer},
                        # A key that outlives its certificate makes a leak last for ever.
                        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                        "usages": ["digital signature", "server auth"],
                    }
                },
            ),
            owner,
        )
    if listener.destination is None:
        return
    route = (
        RouteDestination(
            destination=Destination(host=listener.destination.host, port=PortSelector(number=listener.destination.port))
        ),
    )
    where = f"{spec.home}/{gateway}"
    if listener.protocol == "TLS":
        virtual_service = VirtualService(
            hosts=listener.hosts,
            gateways=(where,),
            tls=(TLSRoute(match=(TLSMatchAttributes(port=listener.port, sni_hosts=listener.hosts),), route=route),),
        )
    else:
        virtual_service = VirtualService(
            hosts=("*",),
            gateways=(where,),
            tcp=(TCPRoute(match=(L4MatchAttributes(port=listener.port),), route=route),),
        )
    metadata = ObjectMeta(name=f"{gateway}-{name}", namespace=spec.home)
    yield Owned(Resource(metadata=metadata, spec=virtual_service), owner)
