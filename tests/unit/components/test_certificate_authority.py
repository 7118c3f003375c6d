"""The authority of a cluster: what istiod could not sign with, or others would not believe, is refused before `up`."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from chatgpt_mesh.components.specs.certificate_authority import UNREAD, CertificateAuthoritySpec, problems, warnings
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.stack import stack_files
from tests.documentation import blocks
from tests.unit import authorities
from tests.unit.authorities import TODAY, Authority, authority, ca, root
from tests.unit.components.gke_stack import load, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAMES = {"mesh": "chatgpt", "cluster": "east", "network": "vpc-east"}


def said(changes: Mapping[str, str] | None = None) -> list[str]:
    return [str(one) for one in problems("ca", CertificateAuthoritySpec(**{**ca(), **(changes or {})}), TODAY)]


def below(parent: Authority, name: str = "leaf", **changes: Any) -> dict[str, str]:
    own = authority(name, parent, **changes)
    return {"cert": own.pem, "key": own.key}


def with_password() -> str:
    encrypted = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    return authorities.of_cluster("east").private.private_bytes(serialization.Encoding.PEM, form, encrypted).decode()


def test_an_authority_below_the_root_is_taken() -> None:
    assert said() == []


def test_authorities_between_it_and_the_root_stand_in_the_chain() -> None:
    between = authority("between", root())
    own = below(between)
    assert said({**own, "chain": own["cert"] + between.pem}) == []
    (missing,) = said(own)
    assert missing.startswith("ca.cert: does not lead from cert to root: nothing here has signed CN=leaf")
    (first,) = said({**own, "chain": between.pem})
    assert first.startswith("ca.chain: must begin with cert")


CASES: dict[str, tuple[Callable[[], dict[str, str]], str]] = {
    "no PEM": (lambda: {"cert": "east"}, "ca.cert: must be a certificate as PEM"),
    "broken PEM": (lambda: {"root": root().pem.replace("MI", "XX")}, "ca.root: must be a certificate as PEM"),
    "two roots": (lambda: {"root": root().pem * 2}, "ca.root: must be one certificate"),
    "no key": (lambda: {"key": "hunter2"}, "ca.key: must be a private key as PEM"),
    "a password": (lambda: {"key": with_password()}, "ca.key: has a password, which istiod is not told"),
    "another's key": (lambda: {"key": authorities.of_cluster("west").key}, "ca.key: is not the key of ca.cert"),
    "a leaf": (lambda: below(root(), ca=False), "ca.cert: is of no certificate authority (CA:TRUE is missing)"),
    "may not sign": (lambda: below(root(), signs=False), "ca.cert: may not sign certificates"),
    "the root itself": (lambda: {"cert": root().pem, "key": root().key}, "ca.cert: is the root itself"),
    "another root": (
        lambda: {"root": authority("chatgpt root").pem},
        "ca.cert: does not lead from cert to root: nothing here has signed CN=east",
    ),
    "not yet": (
        lambda: below(root(), first=TODAY + timedelta(days=1)),
        "ca.cert: is not good before 2026-11-25 (today is 2026-11-24)",
    ),
    "ended": (
        lambda: below(root(), last=TODAY),
        "ca.cert: has ended on 2026-11-24 (today is 2026-11-24); put another one there",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_nobody_could_sign_with_or_believe_is_refused(case: str) -> None:
    changes, sentence = CASES[case]
    (found,) = said(changes())
    assert found.startswith(sentence)


def test_a_root_that_allows_fewer_authorities_below_it_is_refused() -> None:
    narrow = authority("narrow", path_length=0)
    (found,) = said({**below(narrow), "root": narrow.pem})
    assert found == "ca.root: allows 0 authorities below it (pathlen), and here it has 1"
    assert said(below(root())) == []


def test_no_sentence_and_no_representation_has_anything_of_the_key() -> None:
    canary = authorities.of_cluster("west").key
    spec = CertificateAuthoritySpec(**{**ca(), "key": canary})
    body = canary.splitlines()[1]
    assert body not in repr(spec)
    assert not any(body in one for one in said({"key": canary}))
    assert not any("hunter2" in one for one in said({"key": "hunter2"}))


def test_an_end_that_is_near_is_a_warning_for_two_months() -> None:
    spec = CertificateAuthoritySpec(**{**ca(), **below(root(), last=TODAY + timedelta(days=60))})
    (found,) = [str(one) for one in warnings("ca", spec, TODAY)]
    assert found.startswith("ca.cert: ends on 2027-01-23, in 60 days; no pod gets a certificate after that")
    assert list(warnings("ca", spec, TODAY - timedelta(days=1))) == []


def test_a_root_is_known_by_its_fingerprint() -> None:
    east, west = (CertificateAuthoritySpec(**ca(name)) for name in ("east", "west"))
    assert east.root_sha256 == west.root_sha256
    assert len(east.root_sha256) == 64
    assert east.root_sha256 != CertificateAuthoritySpec(**{**ca(), "root": authority("other").pem}).root_sha256


def test_the_chain_is_the_certificate_alone_unless_there_are_others_between() -> None:
    own = CertificateAuthoritySpec(**ca()).files
    assert own["cert-chain.pem"] == own["ca-cert.pem"] == ca()["cert"]
    assert own.keys() == {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"}


def test_a_key_in_plain_text_is_refused_with_the_command_that_encrypts_it(tmp_path: Path) -> None:
    (found,) = sentences(tmp_path, {"istio/multi_cluster": {**NAMES, "ca": ca()}})
    assert found.startswith("istio.multi_cluster.ca.key: stands in the stack file in plain text")
    assert "pulumi config set --secret --path 'chatgpt-mesh:istio.multi_cluster.ca.key' < ca-key.pem" in found


def test_tools_without_the_engine_judge_what_is_not_encrypted(tmp_path: Path) -> None:
    encrypted = {"secure": "v1:abc"}
    sound = load(tmp_path, {"istio/multi_cluster": {**NAMES, "ca": {**ca(), "key": encrypted}}})
    assert sound.istio.multi_cluster is not None
    assert sound.istio.multi_cluster.ca is not None
    assert sound.istio.multi_cluster.ca.key == UNREAD
    leaf = {**ca(), "cert": below(root(), ca=False)["cert"], "key": encrypted}
    (found,) = sentences(tmp_path, {"istio/multi_cluster": {**NAMES, "ca": leaf}})
    assert "ca.cert: is of no certificate authority" in found
    everything = dict.fromkeys(("cert", "key", "root", "chain"), encrypted)
    assert sentences(tmp_path, {"istio/multi_cluster": {**NAMES, "ca": everything}}) == []


def test_what_an_encrypted_value_reads_as_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.one.yaml"
    path.write_text("config:\n  chatgpt-mesh:project: {secure: v1:abc}\n", encoding="utf-8")
    assert stack_files.read_stack_file(path).values["project"] == UNREAD


def test_what_the_page_has_openssl_make_is_taken(tmp_path: Path) -> None:
    (block,) = [one for one in blocks("sh unit") if one.page.name == "second-cluster.md"]
    script = block.text.replace('cd "$(mktemp -d)"', f'cd "{tmp_path}"')
    subprocess.run(["/bin/bash", "-euc", script], check=True, capture_output=True)
    made = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.pem")}
    for cluster in ("east", "west"):
        own = {"cert": made[f"{cluster}-cert"], "key": made[f"{cluster}-key"], "root": made["root-cert"]}
        assert list(problems("ca", CertificateAuthoritySpec(**own), dates.today())) == []
