"""A Sidecar that hides a host which the namespace calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import elements, string_map, strings
from meshlint.view.hosts import covers

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP508",
    ERROR,
    "A Sidecar that hides a host which the namespace calls",
    symptoms=("503 with flag NC or NR", "calls to an outside API fail"),
    why="""
`egress.hosts` is all that the pods see. A host of a route, or an outside host of a ServiceEntry, that is in another
namespace has to be listed as `NAMESPACE/HOST` (or `NAMESPACE/*`). Hosts of the Sidecar's form without a slash are
refused.

A Sidecar without `egress` is an info.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pay, namespace: shop}
spec:
  hosts: [pay.payments.svc.cluster.local]
  http:
  - route: [{destination: {host: pay.payments.svc.cluster.local}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*", "payments/*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pay, namespace: shop}
spec:
  hosts: [pay.payments.svc.cluster.local]
  http:
  - route: [{destination: {host: pay.payments.svc.cluster.local}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener",),
    needs=("Sidecar",),
)
def check(mesh: MeshView) -> Hits:
    visible: dict[str, list[str]] = {}
    for obj in mesh.istio("Sidecar"):
        if not elements(obj.spec, "egress") and "egress" not in obj.spec and not elements(obj.spec, "ingress"):
            yield Hit(
                obj, ("spec", "egress"), "is absent, so the Sidecar hides nothing", "list the hosts", INFO, WARNING
            )
        hosts = [host for listener in elements(obj.spec, "egress") for host in strings(listener, "hosts")]
        for position, listener in enumerate(elements(obj.spec, "egress")):
            for number_, host in enumerate(strings(listener, "hosts")):
                pattern = host.partition("/")[2]
                if "*" in pattern and pattern != "*" and not pattern.startswith("*."):
                    where = ("spec", "egress", position, "hosts", number_)
                    yield Hit(
                        obj, where, f"is {host!r}, no pattern of a host", "write NAMESPACE/*, NAMESPACE/HOST or */HOST"
                    )
                if "/" not in host:
                    where = ("spec", "egress", position, "hosts", number_)
                    yield Hit(obj, where, f"is {host!r}, without a namespace", f"write ./{host} or NAMESPACE/{host}")
        if not string_map(obj.spec, "workloadSelector", "labels") and hosts:
            visible[obj.namespace] = hosts
    for owner in mesh.virtual_services:
        seen = visible.get(owner.obj.namespace)
        if seen is None or not owner.in_mesh:
            continue
        targets = [target for route in owner.http for target in (*route.destinations, *route.mirrors)]
        for target in (*targets, *owner.layer4):
            parts = target.fqdn.split(".")
            if len(parts) < 4 or parts[2] != "svc" or _sees(seen, parts[1], target.fqdn, owner.obj.namespace):
                continue
            problem = f"is {target.host}, which the Sidecar of {owner.obj.namespace} does not show to its pods"
            yield Hit(owner.obj, (*target.path, "host"), problem, f'add "{parts[1]}/*" to its egress hosts')


def _sees(hosts: list[str], namespace: str, name: str, own: str) -> bool:
    for host in hosts:
        where, _, pattern = host.partition("/")
        where = own if where == "." else where
        if where in ("*", namespace) and covers(pattern, name):
            return True
    return False
