"""A ServiceEntry whose resolution does not fit its hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import elements, strings
from meshlint.view.hosts import is_external

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP504",
    ERROR,
    "A ServiceEntry whose resolution does not fit its hosts",
    symptoms=("calls to an outside API fail",),
    why="""
`STATIC` needs endpoints. `NONE` sends the connection to whatever address the client looked up: a client that chooses
the address itself gets anywhere under the entry's name.

`NONE` is an info, as it is Istio's own default.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: google, namespace: chat}
spec:
  hosts: [search.googleapis.com]
  location: MESH_EXTERNAL
  exportTo: ["."]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: STATIC
""",
    good="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: google, namespace: chat}
spec:
  hosts: [search.googleapis.com]
  location: MESH_EXTERNAL
  exportTo: ["."]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-Resolution",),
)
def check(mesh: MeshView) -> Hits:
    for entry in mesh.service_entries:
        where = ("spec", "resolution")
        wild = next((host for host in entry.hosts if host.startswith("*")), "")
        outside = [host for host in entry.hosts if is_external(host.lstrip("*").lstrip("."))]
        if not entry.external and outside and entry.resolution in ("DNS", "DYNAMIC_DNS"):
            problem = f"is MESH_INTERNAL for {outside[0]}, so proxies expect mTLS and a workload of the mesh there"
            yield Hit(entry.obj, ("spec", "location"), problem, "write MESH_EXTERNAL", WARNING)
        endpoints = elements(entry.obj.spec, "endpoints") or entry.obj.spec.get("workloadSelector")
        if entry.resolution == "STATIC" and not endpoints:
            yield Hit(
                entry.obj,
                where,
                "is STATIC without endpoints, so there is nowhere to go",
                "add endpoints, or write DNS",
            )
        elif entry.resolution == "NONE" and entry.external and not strings(entry.obj.spec, "addresses"):
            problem = "is NONE, so the caller chooses the address behind the name"
            # Istio refuses DNS for a wildcard: what can be looked up there is the name that the caller asks for.
            mend = f"write {'DYNAMIC_DNS' if wild else 'DNS'}, so that the proxy looks the name up"
            yield Hit(entry.obj, where, problem, mend, INFO, WARNING)
