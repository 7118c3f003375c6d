"""A VirtualService that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import virtual_service
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP009",
    ERROR,
    "A VirtualService that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook does not: a duration below one millisecond or with a fraction of one,
a route that both forwards and answers by itself, weights that sum to zero, an HTTP status that does not exist, a host
that is no name. To have no timeout, leave `timeout` out: `0s` is refused.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - timeout: 0s
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://github.com/istio/istio/blob/master/pkg/config/validation/virtualservice.go",),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "VirtualService", virtual_service.validate)
