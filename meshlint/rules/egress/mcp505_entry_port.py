"""A ServiceEntry whose port says something else than what is spoken there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping, strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.kubernetes import Port, ServiceEntry
    from meshlint.view.mesh import MeshView


@rule(
    "MCP505",
    ERROR,
    "A ServiceEntry whose port says something else than what is spoken there",
    symptoms=("calls to an outside API fail",),
    why="""
For HTTPS calls that the app encrypts itself, the proxy sees TLS: the protocol is `TLS` (or `HTTPS`). `HTTP` on 443
makes it read requests that it cannot decrypt, unless a DestinationRule starts TLS in the proxy. A `TCP` port without
address is matched by port alone, so it has room for one host: of several entries that a proxy sees, one gets all.

A protocol that is left out is an info.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  ports: [{number: 443, name: http, protocol: HTTP}]
  resolution: DNS
""",
    good="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/egress/egress-tls-origination/",),
)
def check(mesh: MeshView) -> Hits:
    for entry in mesh.service_entries:
        if not entry.external:
            continue
        originates = any(
            mapping(policy, "tls")
            for host in entry.hosts
            for rule_ in mesh.destination_rules_by_host.get(host, ())
            for _, policy in rule_.policies()
        )
        for position, port in enumerate(entry.ports):
            where = ("spec", "ports", position, "protocol")
            if port.number == 443 and port.protocol in ("http", "http2", "grpc") and not originates:
                problem = f"is {port.protocol.upper()} on 443, where the app speaks TLS"
                yield Hit(entry.obj, where, problem, "write TLS, or start TLS in a DestinationRule")
            elif port.protocol == "tcp" and not strings(entry.obj.spec, "addresses") and _shared(mesh, entry, port):
                problem = (
                    f"is TCP without addresses, and port {port.number} is another host's too: one of them gets all"
                )
                yield Hit(entry.obj, where, problem, "write TLS, or name the addresses", WARNING)
            elif not port.protocol:
                yield Hit(entry.obj, where, "is not set, and means TCP", "write TLS or HTTP", INFO, WARNING)


def _shared(mesh: MeshView, entry: ServiceEntry, port: Port) -> bool:
    """Whether a proxy that sees the entry sees another host without an address on the same port."""
    return (
        any(
            found.number == port.number and other is not entry and _meet(entry, other)
            for other in mesh.service_entries
            if not strings(other.obj.spec, "addresses")
            for found in other.ports
        )
        or len(entry.hosts) > 1
    )


def _meet(one: ServiceEntry, other: ServiceEntry) -> bool:
    if not one.export_to or not other.export_to or "*" in (*one.export_to, *other.export_to):
        return True
    spaces = [{entry.obj.namespace if name == "." else name for name in entry.export_to} for entry in (one, other)]
    return not spaces[0].isdisjoint(spaces[1])
