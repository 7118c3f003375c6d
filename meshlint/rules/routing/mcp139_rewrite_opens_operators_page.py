"""A rewrite that opens a page for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.reachability.answer import answer
from meshlint.reachability.request import INTERNET, Outcome, Request
from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP139",
    ERROR,
    "A rewrite that opens a page for operators",
    symptoms=("metrics or admin pages answer on the internet",),
    why="""
A prefix that is cut off leaves whatever comes after it: with `/shop/` rewritten to `/`, a client that asks for
`/shop/metrics` is sent to `/metrics`. The route names no such page and the policy of the app may allow every path, so
that neither shows it alone. This rule follows the request: through the gateway's policies, the route, the rewrite, and
the policies of the pods.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /shop/}}]
    rewrite: {uri: /}
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: shop.shop.svc.cluster.local, port: {number: 8080}}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /shop/}}]
    rewrite: {uri: /catalog/}
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: shop.shop.svc.cluster.local, port: {number: 8080}}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRewrite",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        for host in route.owner.hosts if route.on_gateway else ():
            opened = next((path for path in _ways_round(route) if _is_reached(mesh, host, path)), None)
            if opened is not None:
                problem = (
                    f"lets a client outside reach {_rewritten(route, opened)} of the app as https://{host}{opened}"
                )
                mend = "rewrite to a path of its own, or deny the page by an AuthorizationPolicy of the app"
                yield Hit(route.obj, (*route.path, "rewrite", "uri"), problem, mend)
                break


OPERATORS_PAGES = ("metrics", "debug/pprof", "actuator", "stats/prometheus")


def _ways_round(route: HttpRoute) -> Iterator[str]:
    """The paths that a rewrite turns into an operators' page."""
    if text(route.raw, "rewrite", "uri") != "/":
        return
    for match in route.matches:
        prefix = text(match, "uri", "prefix")
        if prefix.endswith("/") and prefix != "/":
            yield from (prefix + page for page in OPERATORS_PAGES)


def _is_reached(mesh: MeshView, host: str, path: str) -> bool:
    found = answer(mesh, Request(INTERNET, host, path))
    return found.outcome is Outcome.ALLOWED and bool(found.destination)


def _rewritten(route: HttpRoute, path: str) -> str:
    prefixes = [text(match, "uri", "prefix") for match in route.matches]
    return next(
        "/" + path.removeprefix(prefix).lstrip("/") for prefix in prefixes if prefix and path.startswith(prefix)
    )
