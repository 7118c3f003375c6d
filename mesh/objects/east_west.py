"""The Gateway that lets requests of the other cluster in: by the server name that its sidecars write, unopened.

It admits the Services of apps with `cluster_failover` and nothing else. Istio's sample admits `*.local`, by which every
Service of this cluster could be reached from the other one, whether somebody meant it or not.
https://istio.io/latest/docs/setup/install/multicluster/multi-primary_multi-network/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    Gateway,
    Port,
    Server,
    ServerTLSSettings,
    ServerTLSSettings_TLSmode,
)
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST, PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph


def objects(graph: Graph) -> Iterator[Owned]:
    """Nothing where no app fails over."""
    if not graph.failing_over:
        return
    server = Server(
        port=Port(number=PORT, name="tls", protocol="TLS"),
        hosts=tuple(sorted(app.service_host for app in graph.failing_over)),
        # Envoy reads the server name and hands the bytes on: the certificates are the two sidecars' own, so the app's
        # policies see the caller's identity, and whoever has none gets no further than the app's sidecar.
        tls=ServerTLSSettings(mode=ServerTLSSettings_TLSmode.AUTO_PASSTHROUGH),
    )
    metadata = ObjectMeta(name=EAST_WEST.name, namespace=EAST_WEST.home)
    yield Owned(
        Resource(metadata=metadata, spec=Gateway(selector=EAST_WEST.pod_labels, servers=(server,))),
        EAST_WEST.declared_at,
    )
