"""Keys that tokens are verified with: one that Envoy cannot read costs the whole gateway, so it is refused here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.key_set import key_set_refusal
from tests.unit.mesh.keys import ED25519, P256, RSA, UNREADABLE


def refusal(*keys: Any) -> str:
    return key_set_refusal(json.dumps({"keys": keys})) or ""


@pytest.mark.parametrize("key", [RSA, P256, ED25519, {**RSA, "alg": "PS256", "use": "sig", "kid": "a"}])
def test_public_keys_are_taken(key: dict[str, str]) -> None:
    assert refusal(key) == ""


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_set_without_a_key_that_verifies_is_refused(name: str) -> None:
    assert refusal(*UNREADABLE[name]).startswith("has no key that Envoy can verify a signature with")


def test_keys_of_other_kinds_beside_one_that_verifies_do_no_harm() -> None:
    assert refusal({"kty": "AKP"}, P256) == ""


@pytest.mark.parametrize("key", [{**P256, "d": "AQAB"}, {"kty": "oct", "k": "c2VjcmV0"}])
def test_what_signs_is_no_public_key(key: dict[str, str]) -> None:
    assert "has a key with a secret part" in refusal(key, RSA)


@pytest.mark.parametrize("text", ["", "keys", "[]", '{"keys": {}}', '{"keys": [1]}', "{" * 100_000])
def test_what_is_no_key_set_is_refused(text: str) -> None:
    assert (key_set_refusal(text) or "").startswith("must be a JSON Web Key Set")
