"""An EnvoyFilter for a route name that no VirtualService has."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.fields import elements, text
from meshlint.view.sight import namespace_of_unseen_routes

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP807",
    ERROR,
    "An EnvoyFilter for a route name that no VirtualService has",
    symptoms=("a setting has no effect",),
    why="""
`vhost.route.name` is the name of a VirtualService's HTTP route (with `.MATCH` where the match has a name too). A
patch for a name that nobody has changes nothing, without a word: what it was to enforce is not enforced.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - name: cart
    route: [{destination: {host: web}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: attempts, namespace: shop}
spec:
  priority: 10
  workloadSelector: {labels: {app: front}}
  configPatches:
  - applyTo: HTTP_ROUTE
    match: {context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: kart}}}}
    patch: {operation: MERGE, value: {route: {idle_timeout: 60s}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - name: cart
    route: [{destination: {host: web}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: attempts, namespace: shop}
spec:
  priority: 10
  workloadSelector: {labels: {app: front}}
  configPatches:
  - applyTo: HTTP_ROUTE
    match: {context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: cart}}}}
    patch: {operation: MERGE, value: {route: {idle_timeout: 60s}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/envoy-filter/",),
    needs=("VirtualService",),
)
def check(mesh: MeshView) -> Hits:
    names = {"default"}
    for route in mesh.http_routes:
        names.add(route.name)
        names.update(f"{route.name}.{text(match, 'name')}" for match in route.matches if text(match, "name"))
    for obj in mesh.istio("EnvoyFilter"):
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            keys = ("routeConfiguration", "vhost", "route", "name")
            written = text(patch, "match", *keys)
            if not written or written in names:
                continue
            similar = get_close_matches(written, names, n=1)
            unseen = namespace_of_unseen_routes(mesh, obj.namespace)
            if unseen and not similar:
                yield Unseen(obj, f"object of namespace {unseen}, which may have routes at a gateway here")
            else:
                mend = f"did you mean {similar[0]}?" if similar else "use the name of a route in spec.http"
                where = ("spec", "configPatches", position, "match", *keys)
                yield Hit(obj, where, f"is {written!r}, and no VirtualService has a route of that name", mend)
