"""A namespaced host on a server that only redirects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP411",
    WARNING,
    "A namespaced host on a server that only redirects",
    symptoms=("the redirect to https does not work",),
    why="""
On a redirecting server istiod writes the host as it stands, namespace included: a virtual host
`shop/shop.example.com` that no request asks for. Write the bare host there; the namespace belongs to the HTTPS
server.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["shop/shop.example.com"]
    tls: {httpsRedirect: true}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
    tls: {httpsRedirect: true}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#Server",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        for server in gateway.servers:
            if not server.redirects:
                continue
            for position, (namespace, pattern) in enumerate(server.hosts):
                if namespace != "*":
                    where = (*server.path, "hosts", position)
                    problem = f"is {namespace}/{pattern}, which makes a virtual host of that very name"
                    yield Hit(gateway.obj, where, problem, f"write {pattern}")
