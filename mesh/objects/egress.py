"""The way out: which app may reach which host outside the mesh, and nothing else.

A destination becomes a ServiceEntry that only its callers see, a route through the egress gateway, and a policy at that
gateway by the caller's identity. The gateway has to know who calls although the app's own TLS is closed to it, so the
sidecar wraps the connection in mutual TLS (ISTIO_MUTUAL) whose server name is that of the destination, and the gateway
unwraps it:

    app --TLS to api.openai.com--> sidecar ==mTLS, SNI api.openai.com==> egress gateway --TLS to api.openai.com--> host

A PASSTHROUGH gateway would see the same server name but no identity, so any pod that reaches it could leave.

- The server name of the wrapping is fixed per destination (a subset of the gateway's DestinationRule). For a wildcard
  it has to be the one that the app asked for, which Istio's API cannot say: an EnvoyFilter hands the app's SNI on, and
  another lets the gateway resolve it (`resolution: DYNAMIC_DNS` does that in sidecars alone, Istio 1.31).
- What is not declared goes nowhere: `outboundTrafficPolicy` is REGISTRY_ONLY. An address in place of a name carries no
  server name and ends at the same black hole.

References: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/ and
https://istio.io/latest/docs/reference/config/networking/service-entry/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.mesh_config import MeshConfig_OutboundTrafficPolicy, MeshConfig_OutboundTrafficPolicy_Mode
from chatgpt_mesh.istio_api.networking import (
    ClientTLSSettings,
    ClientTLSSettings_TLSmode,
    DestinationRule,
    ServiceEntry,
    ServiceEntry_Location,
    ServiceEntry_Resolution,
    ServicePort,
    TrafficPolicy,
    WorkloadEntry,
)
from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.mesh.objects import egress_gateway
from chatgpt_mesh.mesh.objects.egress_route import Route, by_host, metadata, routes
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.egress import OriginateTlsSpec


def outbound_traffic_policy() -> MeshConfig_OutboundTrafficPolicy:
    """The part of the mesh configuration without which a list of allowed hosts means nothing."""
    return MeshConfig_OutboundTrafficPolicy(mode=MeshConfig_OutboundTrafficPolicy_Mode.REGISTRY_ONLY)


def objects(graph: Graph) -> Iterator[Owned]:
    """A ServiceEntry per host, the TLS that the mesh opens, and the way through the egress gateway."""
    found = routes(graph)
    for shared in by_host(found).values():
        first = shared[0]
        yield Owned(Resource(metadata=metadata(first), spec=_service_entry(shared)), first.path)
        if first.spec.originate_tls is not None:
            yield Owned(
                Resource(metadata=metadata(first), spec=_origination(first, first.spec.originate_tls)), first.path
            )
    yield from egress_gateway.objects(graph, found)


def _service_entry(shared: Sequence[Route]) -> ServiceEntry:
    first = shared[0]
    seen_by = {namespace for route in shared for namespace in route.namespaces}
    if first.gateway is not None:
        seen_by.add(first.home)
    address = first.spec.address
    return ServiceEntry(
        hosts=(first.spec.name,),
        # A sidecar knows by it which bytes are meant, and the gateway, which has them from a tunnel, where they go.
        addresses=() if address is None else (address,),
        endpoints=() if address is None else (WorkloadEntry(address=address),),
        ports=tuple(_service_port(route) for route in shared),
        location=ServiceEntry_Location.MESH_EXTERNAL,
        resolution=_resolution(first),
        export_to=tuple(sorted(seen_by)),
    )


def _resolution(route: Route) -> ServiceEntry_Resolution:
    if route.spec.address is not None:
        return ServiceEntry_Resolution.STATIC
    return ServiceEntry_Resolution.DYNAMIC_DNS if route.wildcard else ServiceEntry_Resolution.DNS


def _service_port(route: Route) -> ServicePort:
    if route.spec.originate_tls:
        return ServicePort(
            number=route.app_port, name=f"http-{route.app_port}", protocol="HTTP", target_port=route.spec.port
        )
    protocol = route.spec.protocol
    return ServicePort(number=route.spec.port, name=f"{protocol}-{route.spec.port}", protocol=protocol.upper())


def _origination(route: Route, tls: OriginateTlsSpec) -> DestinationRule:
    settings = ClientTLSSettings(
        mode=ClientTLSSettings_TLSmode.MUTUAL if tls.mutual else ClientTLSSettings_TLSmode.SIMPLE,
        credential_name=tls.credential,
        subject_alt_names=tls.subject_alt_names or (route.spec.name,),
        sni=route.spec.name,
    )
    # Where the gateway opens the connection, a sidecar that saw this rule would open TLS of its own.
    seen_by = route.namespaces if route.gateway is None else (route.home,)
    return DestinationRule(host=route.spec.name, traffic_policy=TrafficPolicy(tls=settings), export_to=seen_by)
