"""B03: the internal gateway asks for a certificate of the company's CA, and its host is nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.pki import Authority, edge_authority
from tests.lab.running_lab import RunningLab, fails


@dataclass(frozen=True, slots=True)
class Certificates:
    right: tuple[Path, Path]
    foreign: tuple[Path, Path]


@pytest.fixture(scope="module")
def certificates(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    right = edge_authority(lab.state.pki).issue("client-of-tests", "client.example.com", names=["client.example.com"])
    foreign = Authority(tmp_path_factory.mktemp("foreign"), "somebody else's CA").ensure()
    return Certificates(right, foreign.issue("client", "client.example.com", names=["client.example.com"]))


def internal_host(lab: RunningLab) -> str:
    (host,) = [one.host for one in lab.stack.apps["chatgpt-mcp"].further_hosts if one.gateway == "internal"]
    return host


def ask(lab: RunningLab, certificate: tuple[Path, Path] | None) -> Any:
    shown: dict[str, str] = {}
    if certificate:
        shown = {"client_certificate": str(certificate[0]), "client_key": str(certificate[1])}
    return lab.gateway("internal").send(f"https://{internal_host(lab)}/health", **shown)


def check_no_handshake(lab: RunningLab, certificate: tuple[Path, Path] | None) -> None:
    reply = ask(lab, certificate)
    assert reply.status == 0, f"the gateway answered {reply}"


def test_without_a_certificate_the_handshake_fails(lab: RunningLab) -> None:
    check_no_handshake(lab, None)


def test_with_a_foreign_certificate_the_handshake_fails(lab: RunningLab, certificates: Certificates) -> None:
    check_no_handshake(lab, certificates.foreign)


def test_with_the_right_certificate_it_passes(lab: RunningLab, certificates: Certificates) -> None:
    reply = ask(lab, certificates.right)
    assert reply.status == 200, str(reply)
    assert reply.header("x-served-by")


def check_public_gateway_does_not_answer(lab: RunningLab, certificate: tuple[Path, Path]) -> None:
    shown = {"client_certificate": str(certificate[0]), "client_key": str(certificate[1])}
    by_name = lab.public.send(f"https://{internal_host(lab)}/health", **shown)
    assert by_name.status == 0, f"answered by SNI: {by_name}"
    by_host = lab.public.send(f"https://{lab.host}/health", headers={"host": internal_host(lab)}, **shown)
    assert by_host.status == 404, f"answered by Host: {by_host}"


def test_the_public_gateway_does_not_know_the_host(lab: RunningLab, certificates: Certificates) -> None:
    check_public_gateway_does_not_answer(lab, certificates.right)


def test_it_is_mutual_tls_that_refuses(lab: RunningLab, certificates: Certificates) -> None:
    def simple(gateway: dict[str, Any]) -> None:
        for server in gateway["spec"]["servers"]:
            if server["port"]["protocol"] == "HTTPS":
                server["tls"]["mode"] = "SIMPLE"

    with lab.objects.edited("Gateway", "istio-internal", "internal", simple):
        with fails():
            check_no_handshake(lab, None)
        with fails():
            check_no_handshake(lab, certificates.foreign)


def test_it_is_the_separate_gateway_that_hides_the_host(lab: RunningLab, certificates: Certificates) -> None:
    service = next(
        name
        for name in lab.objects.names("VirtualService", lab.namespace)
        if internal_host(lab) in lab.objects.get("VirtualService", lab.namespace, name)["spec"]["hosts"]
    )

    def listen_too(gateway: dict[str, Any]) -> None:
        for server in gateway["spec"]["servers"]:
            server["hosts"].append(internal_host(lab))

    def attach(virtual_service: dict[str, Any]) -> None:
        virtual_service["spec"]["gateways"].append("istio-ingress/public")

    with (
        lab.objects.edited("Gateway", "istio-ingress", "public", listen_too),
        lab.objects.edited("VirtualService", lab.namespace, service, attach),
        fails(),
    ):
        check_public_gateway_does_not_answer(lab, certificates.right)
