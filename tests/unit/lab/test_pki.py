"""Certificates verify against their own authority, carry the names asked for, and are kept while they are good."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import ClientVerifier, PolicyBuilder, ServerVerifier, Store, VerificationError

from lab import pki
from lab.pki import cluster_authority, edge_authority


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def server_verifier(authority: pki.Authority, name: str) -> ServerVerifier:
    return PolicyBuilder().store(Store([load(authority.certificate)])).build_server_verifier(x509.DNSName(name))


def client_verifier(authority: pki.Authority) -> ClientVerifier:
    return PolicyBuilder().store(Store([load(authority.certificate)])).build_client_verifier()


def test_a_server_certificate_verifies_for_its_names_and_no_other(tmp_path: Path) -> None:
    authority = edge_authority(tmp_path)
    certificate, _ = authority.issue("web", "web", names=("*.example.com",))
    server_verifier(authority, "chatgpt-mcp.example.com").verify(load(certificate), [])
    with pytest.raises(VerificationError):
        server_verifier(authority, "example.org").verify(load(certificate), [])


def test_the_edge_authority_opens_nothing_in_the_cluster(tmp_path: Path) -> None:
    certificate, _ = edge_authority(tmp_path).issue(
        "admin", "lab-admin", organizations=("system:masters",), names=("a.test",)
    )
    with pytest.raises(VerificationError):
        client_verifier(cluster_authority(tmp_path)).verify(load(certificate), [])


def test_users_and_groups_are_the_subject(tmp_path: Path) -> None:
    certificate, _ = cluster_authority(tmp_path).issue("kubelet", "system:node:lab", organizations=("system:nodes",))
    assert load(certificate).subject.rfc4514_string() == "CN=system:node:lab,O=system:nodes"


def test_a_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    authority = edge_authority(tmp_path)
    first = authority.issue("web", "web", names=("a.test",))[0].read_bytes()
    assert edge_authority(tmp_path).issue("web", "web", names=("a.test",))[0].read_bytes() == first


def test_other_names_get_a_new_certificate(tmp_path: Path) -> None:
    authority = edge_authority(tmp_path)
    first = authority.issue("web", "web", names=("a.test",))[0].read_bytes()
    assert authority.issue("web", "web", names=("b.test",))[0].read_bytes() != first


def test_a_certificate_about_to_expire_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pki, "LIFETIME", datetime.timedelta(days=20))
    authority = edge_authority(tmp_path)
    monkeypatch.undo()
    old = authority.certificate.read_bytes()
    assert edge_authority(tmp_path).certificate.read_bytes() != old


def test_private_keys_are_for_root_alone(tmp_path: Path) -> None:
    authority = edge_authority(tmp_path)
    _, key = authority.issue("web", "web", names=("a.test",))
    _, signing = pki.service_account_key(authority.directory)
    assert {path.stat().st_mode & 0o777 for path in (key, signing, authority.directory / "ca.key")} == {0o600}
