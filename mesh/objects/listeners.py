"""A listener's server of the Gateway, its certificate, and where TCP and passthrough lead.

Reference: https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    Destination,
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
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects.owned import Manifest, Owned
from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.mesh.specs.listeners import CertificateSpec, ListenerSpec, ListenerTlsSpec, ServiceDestinationSpec

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


def server(gateway: str, name: str, listener: ListenerSpec, hosts: tuple[str, ...]) -> Server:
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


def objects(owner: str, gateway: str, home: str, name: str, listener: ListenerSpec) -> Iterator[Owned]:
    if listener.tls is not None and listener.tls.cert_manager is not None:
        secret = secret_name(gateway, name, listener.tls)
        yield Owned(_certificate(secret, home, listener.hosts, listener.tls.cert_manager), owner)
    if listener.destination is not None:
        metadata = ObjectMeta(name=f"{gateway}-{name}", namespace=home)
        spec = _passed_on(f"{home}/{gateway}", listener, listener.destination)
        yield Owned(Resource(metadata=metadata, spec=spec), owner)


def _certificate(secret: str, home: str, hosts: Sequence[str], issuer: CertificateSpec) -> Manifest:
    return Manifest(
        api_version="cert-manager.io/v1",
        kind="Certificate",
        metadata=ObjectMeta(name=secret, namespace=home),
        body={
            "spec": {
                "secretName": secret,
                "dnsNames": list(hosts),
                **_lifetime(issuer),
                "issuerRef": {"group": "cert-manager.io", "kind": issuer.kind, "name": issuer.issuer},
                # A key that outlives its certificate makes a leak last for ever.
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                "usages": ["digital signature", "server auth"],
            }
        },
    )


def _lifetime(asked: CertificateSpec) -> dict[str, str]:
    said = {"duration": asked.duration, "renewBefore": asked.renew_before}
    return {name: duration_text(span) for name, span in said.items() if span is not None}


def _passed_on(gateway: str, listener: ListenerSpec, target: ServiceDestinationSpec) -> VirtualService:
    route = (RouteDestination(destination=Destination(host=target.host, port=PortSelector(number=target.port))),)
    if listener.protocol == "TLS":
        match = TLSMatchAttributes(port=listener.port, sni_hosts=listener.hosts)
        return VirtualService(hosts=listener.hosts, gateways=(gateway,), tls=(TLSRoute(match=(match,), route=route),))
    match = L4MatchAttributes(port=listener.port)
    return VirtualService(hosts=("*",), gateways=(gateway,), tcp=(TCPRoute(match=(match,), route=route),))
