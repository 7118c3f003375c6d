"""An object that is exported to a namespace that does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP141",
    WARNING,
    "An object that is exported to a namespace that does not exist",
    symptoms=(
        "a setting has no effect",
        "routes do not apply to a caller",
    ),
    why="""
`exportTo` names the namespaces whose proxies see the object. A name that no namespace has shows it to nobody, and
nothing says so. Judged where the input lists Namespaces, the object's own among them.
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  exportTo: [".", shopp]
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 4096}}}
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  exportTo: ["."]
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 4096}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#DestinationRule",),
    needs=("Namespace",),
)
def check(mesh: MeshView) -> Hits:
    known = mesh.namespace_names
    for kind in ("VirtualService", "DestinationRule", "ServiceEntry"):
        for obj in mesh.istio(kind):
            if obj.namespace not in mesh.namespaces:
                continue
            for position, name in enumerate(strings(obj.spec, "exportTo")):
                if name not in (".", "*", "~") and name not in known:
                    similar = get_close_matches(name, known, n=1)
                    mend = f"did you mean {similar[0]}?" if similar else "correct the name"
                    named = {obj.namespace if other == "." else other for other in strings(obj.spec, "exportTo")}
                    if similar and similar[0] in named:
                        mend = f"remove it, as {similar[0]} is named already"
                    problem = f"is {name!r}, and there is no such namespace"
                    yield Hit(obj, ("spec", "exportTo", position), problem, mend)
