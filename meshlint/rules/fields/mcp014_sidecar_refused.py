"""A Sidecar or ProxyConfig that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import sidecar, telemetry
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP014",
    ERROR,
    "A Sidecar or ProxyConfig that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook does not: a host without its namespace, a listener without a port
before the last one, one port twice, an address that is not the pod's own, a Sidecar that sets nothing.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec:
  workloadSelector: {labels: {app: web}}
  ingress:
  - port: {number: 8080, name: http, protocol: HTTP}
    defaultEndpoint: web:8081
  egress:
  - hosts: ["./*"]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec:
  workloadSelector: {labels: {app: web}}
  ingress:
  - port: {number: 8080, name: http, protocol: HTTP}
    defaultEndpoint: 127.0.0.1:8081
  egress:
  - hosts: ["./*"]
""",
    sources=(
        "https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",
        "https://istio.io/latest/docs/reference/config/networking/sidecar/",
    ),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "Sidecar", sidecar.validate)
    yield from refused(mesh, "ProxyConfig", telemetry.validate_proxy_config)
