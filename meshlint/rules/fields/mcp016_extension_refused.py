"""A WasmPlugin or TrafficExtension that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import extension
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP016",
    ERROR,
    "A WasmPlugin or TrafficExtension that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook or the rules of the CRD do not: an address that no proxy can fetch
from, a checksum of another length, one environment variable twice, a program in Wasm and in Lua at once.
""",
    bad="""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: headers, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  url: ftp://registry.example.com/headers:v1
""",
    good="""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: headers, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  url: oci://registry.example.com/headers:v1
""",
    sources=("https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/",),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "WasmPlugin", extension.validate_plugin)
    yield from refused(mesh, "TrafficExtension", extension.validate_extension)
