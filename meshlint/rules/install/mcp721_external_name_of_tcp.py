"""A Service of type ExternalName without a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP721",
    WARNING,
    "A Service of type ExternalName without a protocol",
    symptoms=(
        "a port catches the traffic of others",
        "calls to an outside API fail",
    ),
    why="""
Such a Service has no address, so a port that Istio takes for TCP gets a listener on every address (0.0.0.0) in every
sidecar: calls of others to that port go there too. A port whose name says `http`, `https`, `tls` or `grpc` is told
apart by host or SNI.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: search, namespace: shop}
spec:
  type: ExternalName
  externalName: search.example.com
  ports: [{name: search, port: 443}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: search, namespace: shop}
spec:
  type: ExternalName
  externalName: search.example.com
  ports: [{name: https-search, port: 443}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0150/",),
)
def check(mesh: MeshView) -> Hits:
    for service in mesh.services:
        if text(service.obj.spec, "type") != "ExternalName":
            continue
        for position, port in enumerate(service.ports):
            if port.protocol in ("", "tcp"):
                where = ("spec", "ports", position, "name")
                problem = f"is {port.name!r}, which Istio takes for TCP on every address"
                yield Hit(service.obj, where, problem, "name it http-..., https-... or tls-..., as the server speaks")
