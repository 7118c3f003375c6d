"""The gateways' TLS Secrets follow from the Gateway objects."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from lab.edge import Credential, credentials, secret
from lab.pki import edge_authority


def gateway(namespace: str, *servers: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "public"}, "spec": {"servers": list(servers)}}


def test_one_secret_for_all_listeners_that_name_it() -> None:
    found = credentials(
        [
            gateway(
                "istio-ingress",
                {"hosts": ["*/b.example.com"], "tls": {"mode": "SIMPLE", "credentialName": "example-com-tls"}},
                {"hosts": ["a.example.com"], "tls": {"mode": "SIMPLE", "credentialName": "example-com-tls"}},
                {"hosts": ["a.example.com"], "tls": {"httpsRedirect": True}},
                {"hosts": ["plain.example.com"]},
            ),
            gateway(
                "istio-internal", {"hosts": ["internal.example.com"], "tls": {"credentialName": "example-com-tls"}}
            ),
        ]
    )
    assert found == [
        Credential("istio-ingress", "example-com-tls", ("a.example.com", "b.example.com")),
        Credential("istio-internal", "example-com-tls", ("internal.example.com",)),
    ]


def test_the_secret_holds_certificate_key_and_the_authority_for_client_certificates(tmp_path: Path) -> None:
    authority = edge_authority(tmp_path)
    made = secret(Credential("istio-ingress", "example-com-tls", ("a.example.com",)), authority)
    assert made["type"] == "kubernetes.io/tls"
    assert base64.b64decode(made["data"]["ca.crt"]) == authority.certificate.read_bytes()
    assert base64.b64decode(made["data"]["tls.crt"]).startswith(b"-----BEGIN CERTIFICATE-----")
    assert base64.b64decode(made["data"]["tls.key"]).startswith(b"-----BEGIN PRIVATE KEY-----")


def test_the_secret_stays_the_same_between_two_runs(tmp_path: Path) -> None:
    wanted = Credential("istio-ingress", "example-com-tls", ("a.example.com",))
    assert secret(wanted, edge_authority(tmp_path)) == secret(wanted, edge_authority(tmp_path))
