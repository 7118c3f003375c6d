"""A certificate that has ended, or is for another host."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.certificates import certificate
from meshlint.view.fields import string_map, text
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from datetime import date

    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Server


@rule(
    "MCP417",
    ERROR,
    "A certificate that has ended, or is for another host",
    symptoms=(
        "TLS handshake fails at the gateway",
        "the wrong certificate is shown",
    ),
    why="""
Clients refuse a certificate that does not name the host they asked for, or whose time is over; and a Secret without
the key or the certificate is none. Judged where the input shows the Secret with its content, at the day of the run;
what ends within two weeks is a warning.
""",
    bad="""
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: istio-ingress}
type: kubernetes.io/tls
stringData:
  tls.key: (the key)
  tls.crt: |
    -----BEGIN CERTIFICATE-----
    MIIBQjCB6qADAgECAgEHMAoGCCqGSM49BAMCMBsxGTAXBgNVBAMMEGNhcnQuZXhh
    bXBsZS5jb20wHhcNMjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAbMRkwFwYD
    VQQDDBBjYXJ0LmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
    Or1YfPk1EWWxqvl0h83LQ0AbsFFt6jsm6hKF7HKUUmrti8w9dcbuHa99lipDjH8C
    jzOxlW+eG1U2Fty2oO5xMqMfMB0wGwYDVR0RBBQwEoIQY2FydC5leGFtcGxlLmNv
    bTAKBggqhkjOPQQDAgNHADBEAiAuGfaZmHybdZOxKuWAKhFLHNF33JTyiAIhM7gh
    wd43TgIgLIuqSqSijpdT7T5tp12sun2JlDixwYamjc6pGiljE+0=
    -----END CERTIFICATE-----
---
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
    good="""
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: istio-ingress}
type: kubernetes.io/tls
stringData:
  tls.key: (the key)
  tls.crt: |
    -----BEGIN CERTIFICATE-----
    MIIBRDCB6qADAgECAgEHMAoGCCqGSM49BAMCMBsxGTAXBgNVBAMMEHNob3AuZXhh
    bXBsZS5jb20wHhcNMjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAbMRkwFwYD
    VQQDDBBzaG9wLmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
    1zi/redQmCynaMwBd4BvbC4fLNq3dx4sQIq2kd4DEZ8ILb5LG2m3rtbQ4J2TGu/z
    74HRWtee7AhEysXYpfVC26MfMB0wGwYDVR0RBBQwEoIQc2hvcC5leGFtcGxlLmNv
    bTAKBggqhkjOPQQDAgNJADBGAiEAoh9jiS3lQHdmZXavYG7unmq3uDFCClnzGdzx
    hyXD/w4CIQCaq3mPrCTxB9AR+W64nt3vCMThuAhiyAEcg1/HJYuzOQ==
    -----END CERTIFICATE-----
---
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
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0161/",),
)
def check(mesh: MeshView) -> Hits:
    secrets = {(obj.namespace, obj.name): obj for obj in mesh.by_kind.get("Secret", ())}
    if not secrets:
        return
    for gateway in mesh.gateways:
        homes = {pod.namespace for pod in mesh.gateway_workloads if selects(gateway.selector, pod.labels)}
        for server in gateway.servers:
            name = text(server.tls, "credentialName")
            for namespace in sorted(homes | {gateway.obj.namespace}) if name and server.ends_tls else ():
                secret = secrets.get((namespace, name))
                if secret is not None:
                    yield from _judge(mesh.today, server, secret)


SOON = timedelta(days=14)
PAIRS = (("tls.crt", "tls.key"), ("cert", "key"))


def _content(secret: Manifest, name: str) -> str:
    written = string_map(secret.body, "stringData").get(name)
    if written is not None:
        return written
    try:
        return base64.b64decode(string_map(secret.body, "data").get(name, ""), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _judge(today: date, server: Server, secret: Manifest) -> Hits:
    where = (*server.path, "tls", "credentialName")
    names = {*string_map(secret.body, "data"), *string_map(secret.body, "stringData")}
    if not names:
        return  # Its content is not shown.
    pair = next((pair for pair in PAIRS if pair[0] in names), PAIRS[0])
    absent = [name for name in pair if name not in names]
    if absent:
        yield Hit(server.obj, where, f"is {secret.key}, which has no {' and no '.join(absent)}", "put them into it")
        return
    read = certificate(_content(secret, pair[0]))
    if read is None:
        yield Hit(server.obj, where, f"is {secret.key}, whose {pair[0]} is no certificate in PEM", "put one into it")
        return
    ends = read.ends.date()
    if ends <= today + SOON:
        severity = ERROR if ends <= today else WARNING
        said = f"is {secret.key}, whose certificate {'ended' if ends <= today else 'ends'} on {ends}"
        yield Hit(server.obj, where, said, "renew it", severity)
    for position, (_, host) in enumerate(server.hosts):
        if host != "*" and read.hosts and not any(_is_for(pattern, host) for pattern in read.hosts):
            said = f"is {host}, and the certificate of {secret.key} is for {', '.join(read.hosts[:3])}"
            mend = "name a certificate of this host"
            yield Hit(server.obj, (*server.path, "hosts", position), said, mend)


def _is_for(pattern: str, host: str) -> bool:
    """Whether a certificate's name covers a host: a wildcard stands for one label (RFC 6125)."""
    return pattern == host.lower() or (pattern.startswith("*.") and pattern[1:] == host.lower()[host.find(".") :])
