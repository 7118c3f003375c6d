"""TLS to a server whose certificate is not verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import value

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP216",
    ERROR,
    "TLS to a server whose certificate is not verified",
    symptoms=("a man in the middle reads traffic",),
    why="""
`insecureSkipVerify` turns TLS into encryption with an unknown peer. Istio verifies against the system's authorities
by itself; name an own authority with `caCertificates` or `credentialName`, and the expected names with
`subjectAltNames`.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: openai, namespace: chat}
spec:
  host: api.openai.com
  trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: openai, namespace: chat}
spec:
  host: api.openai.com
  trafficPolicy: {tls: {mode: SIMPLE, sni: api.openai.com}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            if value(policy, "tls", "insecureSkipVerify") is True:
                where = (*path, "tls", "insecureSkipVerify")
                yield Hit(
                    rule_.obj,
                    where,
                    "is true, so any certificate is taken",
                    "remove it, and name caCertificates if needed",
                )
