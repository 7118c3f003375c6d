"""TLS opened on a port that says it is TLS already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import text, whole
from meshlint.view.hosts import covers

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP221",
    WARNING,
    "TLS opened on a port that says it is TLS already",
    symptoms=(
        "connection reset between two services",
        "calls to an outside API fail",
    ),
    why="""
A port of protocol TLS or HTTPS carries what the caller has encrypted, and a `tls` of the DestinationRule encrypts it
once more: the server understands nothing. Let the caller speak plain HTTP to a port of protocol HTTP, and the proxy
open TLS; or let the caller open it, and leave `tls` out. Routes of HTTP that lead to the port are that first way, and
pass.
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
kind: DestinationRule
metadata: {name: search, namespace: shop}
spec:
  host: search.example.com
  exportTo: ["."]
  trafficPolicy:
    tls: {mode: SIMPLE, sni: search.example.com, subjectAltNames: [search.example.com], caCertificates: system}
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
  ports: [{number: 80, targetPort: 443, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: search, namespace: shop}
spec:
  host: search.example.com
  exportTo: ["."]
  trafficPolicy:
    tls: {mode: SIMPLE, sni: search.example.com, subjectAltNames: [search.example.com], caCertificates: system}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings",),
)
def check(mesh: MeshView) -> Hits:
    routed = {target.fqdn for route in mesh.http_routes for target in (*route.destinations, *route.mirrors)}
    for rule_ in mesh.destination_rules:
        if rule_.fqdn in routed or any(covers(rule_.fqdn, host) for host in routed if rule_.fqdn.startswith("*")):
            continue
        encrypted = {
            port.number: port.protocol
            for entry in mesh.service_entries_by_host.get(rule_.fqdn, ())
            for port in entry.ports
        }
        for path, policy in rule_.policies():
            if text(policy, "tls", "mode") not in ("SIMPLE", "MUTUAL"):
                continue
            number = whole(policy, "port", "number")
            protocols = {encrypted.get(number, "")} if number is not None else set(encrypted.values())
            if protocols and protocols <= {"tls", "https"}:
                problem = f"opens TLS on a port of protocol {min(protocols).upper()}, where the caller has done so"
                yield Hit(rule_.obj, (*path, "tls"), problem, "give the port protocol HTTP, or remove tls")
