"""The Gateway of each public and internal gateway: https://istio.io/latest/docs/reference/config/networking/gateway/"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import Gateway, Port, Server, ServerTLSSettings
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import acme_challenges, grants, listeners
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph


def objects(graph: Graph) -> Iterator[Owned]:
    """The Gateway of each public and internal gateway, its certificates, and its TCP and passthrough routes."""
    for spec in graph.gateways.values():
        if spec.kind == "egress" or not spec.listeners:
            continue
        owner = spec.declared_at
        claimed: dict[str, set[str]] = {}
        for app in graph.apps.values():
            for exposure in app.exposures:
                if exposure.gateway == spec.name and (listener_name := spec.listener_of(exposure.host)) is not None:
                    claimed.setdefault(listener_name, set()).add(f"{app.namespace}/{exposure.host}")
        for listener_name, host in grants.claims(graph, spec):
            claimed.setdefault(listener_name, set()).add(host)
        servers: list[Server] = []
        for listener_name, listener in spec.listeners.items():
            hosts = claimed.get(listener_name, set()) | {
                f"{ns}/{host}" for ns in listener.shared_with for host in listener.hosts
            }
            if listener.protocol == "TCP":
                hosts = {f"{spec.home}/*"}
            elif not hosts or listener.protocol == "TLS":
                hosts |= {f"{spec.home}/{host}" for host in listener.hosts}
            servers.append(listeners.server(spec.name, listener_name, listener, tuple(sorted(hosts))))
            yield from listeners.objects(owner, spec.name, spec.home, listener_name, listener)
        if spec.serves_redirect:
            # A namespaced host on a redirecting server becomes a virtual host of that literal name, so these are bare.
            secure = {host.split("/")[1] for s in servers if s.port.protocol == "HTTPS" for host in s.hosts}
            secure -= set(acme_challenges.proven_by_page(graph, spec))
            if secure:
                redirect = ServerTLSSettings(https_redirect=True)
                port = Port(number=80, name="http-redirect", protocol="HTTP")
                servers.append(Server(port=port, hosts=tuple(sorted(secure)), tls=redirect))
        gateway = Gateway(selector=spec.pod_labels, servers=tuple(servers))
        yield Owned(Resource(metadata=ObjectMeta(name=spec.name, namespace=spec.home), spec=gateway), owner)
        yield from acme_challenges.objects(graph, spec)
