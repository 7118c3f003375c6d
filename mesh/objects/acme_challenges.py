"""The page of an ACME challenge (HTTP-01) on port 80 of a gateway that redirects everything else.

A server with `httpsRedirect` redirects before any route is looked at, so the hosts of such a listener get a Gateway of
their own on port 80, to which no route of an app is bound: one path leads to cert-manager's solver, the rest is
redirected. cert-manager makes a pod for each challenge, and labels it with a checksum of the host: a Service per host
finds it, whenever it comes.

https://cert-manager.io/docs/configuration/acme/http01/
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    Destination,
    Gateway,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRoute,
    HTTPRouteDestination,
    Port,
    PortSelector,
    Server,
    StringMatch,
    VirtualService,
)
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects.owned import Manifest, Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

PATH = "/.well-known/acme-challenge/"
SOLVER_PORT = 8089


def proven_by_page(graph: Graph, gateway: GatewaySpec) -> tuple[str, ...]:
    """The hosts of a gateway whose certificates are issued by HTTP-01."""
    found = {
        host
        for listener in gateway.listeners.values()
        if listener.tls is not None
        and (asked := listener.tls.cert_manager) is not None
        and asked.kind == "ClusterIssuer"
        and graph.certificate_issuers[asked.issuer].proves_by_page
        for host in listener.hosts
    }
    return tuple(sorted(found))


def objects(graph: Graph, gateway: GatewaySpec) -> Iterator[Owned]:
    hosts = proven_by_page(graph, gateway)
    if not hosts:
        return
    name, home, owner = f"{gateway.name}-acme", gateway.home, gateway.declared_at
    server = Server(
        port=Port(number=80, name="http-acme", protocol="HTTP"), hosts=tuple(f"{home}/{host}" for host in hosts)
    )
    spec = Gateway(selector=gateway.pod_labels, servers=(server,))
    yield Owned(Resource(metadata=ObjectMeta(name=name, namespace=home), spec=spec), owner)
    for host in hosts:
        service = f"acme-{checksum(host)}"
        yield Owned(_solver(service, home, host), owner)
        routes = VirtualService(
            hosts=(host,),
            gateways=(f"{home}/{name}",),
            http=(
                HTTPRoute(
                    name="acme-challenge",
                    match=(HTTPMatchRequest(uri=StringMatch(prefix=PATH)),),
                    route=(
                        HTTPRouteDestination(
                            destination=Destination(
                                host=f"{service}.{home}.svc.cluster.local", port=PortSelector(number=80)
                            )
                        ),
                    ),
                ),
                HTTPRoute(name="https-redirect", redirect=HTTPRedirect(scheme="https", redirect_code=301)),
            ),
        )
        yield Owned(Resource(metadata=ObjectMeta(name=service, namespace=home), spec=routes), owner)


def checksum(host: str) -> str:
    """As cert-manager writes it on the pods that answer for a host: Adler-32, in decimal."""
    return str(zlib.adler32(host.encode()))


def _solver(name: str, home: str, host: str) -> Manifest:
    labels = {"acme.cert-manager.io/http01-solver": "true", "acme.cert-manager.io/http-domain": checksum(host)}
    port = {"name": "http", "port": 80, "targetPort": SOLVER_PORT}
    return Manifest(
        api_version="v1",
        kind="Service",
        metadata=ObjectMeta(name=name, namespace=home),
        body={"spec": {"selector": labels, "ports": [port]}},
    )
