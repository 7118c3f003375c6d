from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from lab.workloads.tokens import AUDIENCE, ISSUER, Keys, Sort, ensure_keys, mint

ACCEPTED_BY_A_STRICT_VERIFIER = {Sort.VALID}


@pytest.mark.parametrize("sort", Sort)
def test_only_the_valid_sort_is_valid(keys: Keys, sort: Sort) -> None:
    token = mint(keys, sort)
    if sort in ACCEPTED_BY_A_STRICT_VERIFIER:
        assert _verify(keys, token)["sub"] == "user-1"
    else:
        with pytest.raises(jwt.PyJWTError):
            _verify(keys, token)


def test_scopes_are_one_string(keys: Keys) -> None:
    assert _verify(keys, mint(keys, scopes=["a", "b"]))["scope"] == "a b"


def test_keys_stay_the_same(tmp_path: Path) -> None:
    assert ensure_keys(tmp_path) == ensure_keys(tmp_path)


def test_private_keys_are_private_and_not_in_the_key_set(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path)
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    (key,) = keys.jwks()["keys"]
    assert set(key) & {"d", "p", "q"} == set()


def _verify(keys: Keys, token: str) -> dict[str, object]:
    key = jwt.PyJWKSet.from_dict(keys.jwks()).keys[0]
    required = ["exp", "sub", "iss", "aud"]
    return jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER, options={"require": required})
