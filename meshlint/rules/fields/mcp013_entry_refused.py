"""A ServiceEntry, WorkloadEntry or WorkloadGroup that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import service_entry, workload_group
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP013",
    ERROR,
    "A ServiceEntry, WorkloadEntry or WorkloadGroup that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook or the rules of the CRD do not: a port twice, an endpoint for a port
that the entry does not have, a range of addresses that DNS should resolve, several hosts on one plain TCP port, an
endpoint without an address.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: search, namespace: shop}
spec:
  hosts: [search.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  exportTo: ["."]
  ports:
  - {number: 443, name: tls, protocol: TLS}
  - {number: 443, name: https, protocol: TLS}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: search, namespace: shop}
spec:
  hosts: [search.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  exportTo: ["."]
  ports:
  - {number: 443, name: tls, protocol: TLS}
""",
    sources=(
        "https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",
        "https://istio.io/latest/docs/reference/config/networking/service-entry/",
    ),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "ServiceEntry", service_entry.validate)
    yield from refused(mesh, "WorkloadEntry", service_entry.validate_workload)
    yield from refused(mesh, "WorkloadGroup", workload_group.validate)
