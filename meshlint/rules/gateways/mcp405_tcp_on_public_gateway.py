"""A database or plain TCP on an ingress gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP405",
    WARNING,
    "A database or plain TCP on an ingress gateway",
    symptoms=("a database answers on the internet",),
    why="""
A TCP server has no host, no TLS and no identity: whoever reaches the load balancer reaches what is behind it.
Databases belong behind an internal gateway with mutual TLS, or into no gateway at all.

A warning for a database, an info for other TCP.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 5432, name: tcp-postgres, protocol: TCP}
    hosts: ["*"]
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
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        if gateway.is_egress or any("internal" in found or "eastwest" in found for found in gateway.selector.values()):
            continue
        for server in gateway.servers:
            database = DATABASES.get(server.number)
            if server.protocol in ("TCP", "MONGO", "MYSQL", "REDIS") or (database and not server.is_http):
                what = f"{database} ({server.number})" if database else f"plain TCP on {server.number}"
                plain = not database and server.protocol == "TCP"
                severity, strict = (INFO, WARNING) if plain else (None, None)
                problem = f"puts {what} on the ingress gateway, without host, TLS or identity"
                # Istio refuses a Gateway without servers.
                what = "the server" if len(gateway.servers) > 1 else "the Gateway"
                mend = f"remove {what}, or use an internal gateway with mutual TLS"
                yield Hit(gateway.obj, server.path, problem, mend, severity, strict)


DATABASES = {
    5432: "PostgreSQL", 3306: "MySQL", 6379: "Redis", 27017: "MongoDB", 9042: "Cassandra", 1433: "SQL Server",
    9200: "Elasticsearch", 2379: "etcd", 11211: "memcached", 5672: "RabbitMQ", 9092: "Kafka",
}  # fmt: skip
