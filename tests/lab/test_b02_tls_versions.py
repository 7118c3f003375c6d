"""B02: TLS 1.2 and 1.3 with the declared certificate, nothing older."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.running_lab import RunningLab, fails


def check_refused(lab: RunningLab, version: str) -> None:
    reply = lab.public.send(f"https://{lab.host}/health", tls_version=version)
    assert reply.status == 0, f"{reply.tls_version} was accepted: {reply}"
    assert "SSL" in reply.error, reply.error


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused(lab: RunningLab) -> None:
    check_refused(lab, "TLSv1_1")


@pytest.mark.parametrize(("version", "spoken"), [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")])
def test_tls_1_2_and_1_3_are_accepted(lab: RunningLab, version: str, spoken: str) -> None:
    reply = lab.public.send(f"https://{lab.host}/health", tls_version=version)
    assert (reply.status, reply.tls_version) == (200, spoken), str(reply)


def test_the_certificate_is_the_one_declared_for_the_name(lab: RunningLab) -> None:
    """The handshake verifies the certificate against the lab's CA and the SNI; the names say which it was."""
    reply = lab.public.send(f"https://{lab.host}/health")
    assert reply.status == 200, str(reply)
    wildcard = "*." + lab.host.partition(".")[2]
    assert {lab.host, wildcard} & set(reply.certificate_names), reply.certificate_names


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_it_is_the_minimum_version_that_refuses(lab: RunningLab) -> None:
    with lab.objects.edited("Gateway", "istio-ingress", "public", _allow_old_tls), fails():
        check_refused(lab, "TLSv1_1")


def _allow_old_tls(gateway: dict[str, Any]) -> None:
    for server in gateway["spec"]["servers"]:
        if server["port"]["protocol"] == "HTTPS":
            server["tls"]["minProtocolVersion"] = "TLSV1_0"
            # the declared suites exist only since TLS 1.2
            server["tls"]["cipherSuites"] = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"]
