"""Two ServiceEntries of one host that disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.kubernetes import ServiceEntry
    from meshlint.view.mesh import MeshView


@rule(
    "MCP510",
    ERROR,
    "Two ServiceEntries of one host that disagree",
    symptoms=(
        "calls to an outside API fail",
        "a setting has no effect",
    ),
    why="""
Where two entries put one host and port into the registry of the same callers, istiod keeps one of them, by age, for
the listener: a port that one calls TLS and the other HTTP is read as what the older says. Two entries that say the
same merge their endpoints.
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
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other, namespace: shop}
spec:
  hosts: [search.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  exportTo: ["."]
  ports: [{number: 443, name: https, protocol: HTTPS}]
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
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other, namespace: shop}
spec:
  hosts: [other.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  exportTo: ["."]
  ports: [{number: 443, name: https, protocol: HTTPS}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0177/",),
)
def check(mesh: MeshView) -> Hits:
    for host, entries in mesh.service_entries_by_host.items():
        for position, entry in enumerate(entries[:MOST_COMPARED]):
            seen = (other for other in entries[:position] if _seen_together(entry, other))
            yield from next(filter(None, (_differences(host, entry, other) for other in seen)), ())


MOST_COMPARED = 50
"""Entries of one host that are compared with each other."""


def _seen_together(one: ServiceEntry, other: ServiceEntry) -> bool:
    return one.visible_in(other.obj.namespace) or other.visible_in(one.obj.namespace)


def _differences(host: str, entry: ServiceEntry, other: ServiceEntry) -> list[Hit]:
    said = {port.number: port.protocol for port in other.ports}
    found: list[Hit] = []
    for position, port in enumerate(entry.ports):
        if said.get(port.number, port.protocol) != port.protocol:
            where = ("spec", "ports", position, "protocol")
            own, others = (name.upper() or "left to be detected" for name in (port.protocol, said[port.number]))
            problem = f"is {own}, and {others} in {other.obj.key}, for {host}"
            found.append(Hit(entry.obj, where, problem, "let both say the same, or keep one of them"))
    return found
