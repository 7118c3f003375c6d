"""Access tokens of every sort, signed with keys kept under a state directory.

`python -m lab.workloads.tokens mint --sort expired` prints one. A sort is one way in which a token can be right or
wrong; each differs from the valid token in exactly that.
"""

from __future__ import annotations

import argparse
import base64
import functools
import json
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lab.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ISSUER = "https://auth.example.com"
AUDIENCE = "https://chatgpt-mcp.example.com/mcp"
SUBJECT = "user-1"
KEY_ID = "lab-1"
LIFETIME_SECONDS = 3600
# Envoy allows 60 s of clock skew on `exp`; well beyond it.
_LONG_AGO_SECONDS = 600


class Sort(StrEnum):
    """One way in which a token is right or wrong."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    NO_EXPIRY = "no-expiry"
    NO_SUBJECT = "no-subject"
    FOREIGN_ISSUER = "foreign-issuer"
    FOREIGN_KEY = "foreign-key"
    WRONG_AUDIENCE = "wrong-audience"
    AUDIENCE_SLASH = "audience-slash"
    AUDIENCE_HTTP = "audience-http"
    AUDIENCE_WITHOUT_SCHEME = "audience-without-scheme"
    ALG_NONE = "alg-none"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class Keys:
    """The issuer's signing key, and one that nobody knows, in PEM."""

    private: bytes
    foreign: bytes

    def jwks(self) -> dict[str, Any]:
        """The public key set (RFC 7517) that a RequestAuthentication takes inline."""
        key: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(_private_key(self.private).public_key()))
        return {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: dict[str, Any], *, foreign: bool = False) -> str:
        key = _private_key(self.foreign if foreign else self.private)
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": KEY_ID})


@functools.cache
def _private_key(pem: bytes) -> rsa.RSAPrivateKey:
    """Reading a key proves its primes, which takes far longer than signing with it."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the issuer's key is not an RSA key")
    return key


def load_keys(directory: Path) -> Keys:
    """The keys in `directory`; raises FileNotFoundError if there are none."""
    return Keys((directory / "key.pem").read_bytes(), (directory / "foreign.pem").read_bytes())


def ensure_keys(directory: Path) -> Keys:
    """The keys in `directory`, made on the first call; `jwks.json` there holds the public key set."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("key.pem", "foreign.pem"):
        if not (directory / name).exists():
            _write(directory / name, _new_key(), 0o600)
    keys = load_keys(directory)
    _write(directory / "jwks.json", (json.dumps(keys.jwks(), indent=2) + "\n").encode(), 0o644)
    return keys


def _new_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_suffix(".new")
    temporary.touch(mode=mode)
    temporary.write_bytes(content)
    temporary.replace(path)


def mint(
    keys: Keys,
    sort: Sort = Sort.VALID,
    *,
    issuer: str = ISSUER,
    audience: str = AUDIENCE,
    subject: str = SUBJECT,
    scopes: Sequence[str] = (),
    lifetime: int = LIFETIME_SECONDS,
    **claims: Any,
) -> str:
    """A token of the given sort. `lifetime` is in seconds; further `claims` are taken as they are, and one that is None
    is left out."""
    now = int(time.time())
    payload: dict[str, Any] = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + lifetime}
    if scopes:
        payload["scope"] = " ".join(scopes)
    payload = {name: value for name, value in {**payload, **claims}.items() if value is not None}
    without_scheme = audience.split("://", 1)[-1]
    match sort:
        case Sort.VALID:
            return keys.sign(payload)
        case Sort.EXPIRED:
            return keys.sign({**payload, "iat": now - 2 * _LONG_AGO_SECONDS, "exp": now - _LONG_AGO_SECONDS})
        case Sort.NOT_YET_VALID:
            return keys.sign({**payload, "nbf": now + _LONG_AGO_SECONDS})
        case Sort.NO_EXPIRY:
            return keys.sign({name: value for name, value in payload.items() if name != "exp"})
        case Sort.NO_SUBJECT:
            return keys.sign({name: value for name, value in payload.items() if name != "sub"})
        case Sort.FOREIGN_ISSUER:
            return keys.sign({**payload, "iss": "https://auth.attacker.example"}, foreign=True)
        case Sort.FOREIGN_KEY:
            return keys.sign(payload, foreign=True)
        case Sort.WRONG_AUDIENCE:
            return keys.sign({**payload, "aud": "https://another-app.example.com/mcp"})
        case Sort.AUDIENCE_SLASH:
            return keys.sign({**payload, "aud": f"{audience}/"})
        case Sort.AUDIENCE_HTTP:
            return keys.sign({**payload, "aud": f"http://{without_scheme}"})
        case Sort.AUDIENCE_WITHOUT_SCHEME:
            return keys.sign({**payload, "aud": without_scheme})
        case Sort.ALG_NONE:
            return jwt.encode(payload, key="", algorithm="none", headers={"kid": KEY_ID})
        case Sort.GARBAGE:
            return base64.urlsafe_b64encode(b"not a token at all").decode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.workloads.tokens", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("keys", help="make the keys and jwks.json if there are none, and print the key set")
    minting = commands.add_parser("mint", help="print one token")
    minting.add_argument("--sort", choices=list(Sort), default=Sort.VALID, type=Sort)
    minting.add_argument("--issuer", default=ISSUER)
    minting.add_argument("--audience", default=AUDIENCE)
    minting.add_argument("--subject", default=SUBJECT)
    minting.add_argument("--scope", action="append", default=[], help="may be given more than once")
    minting.add_argument("--lifetime", type=int, default=LIFETIME_SECONDS, help="seconds")
    arguments = parser.parse_args()
    keys = ensure_keys(State.from_environment().issuer)
    if arguments.command == "keys":
        print(json.dumps(keys.jwks()))
        return
    print(
        mint(
            keys,
            arguments.sort,
            issuer=arguments.issuer,
            audience=arguments.audience,
            subject=arguments.subject,
            scopes=arguments.scope,
            lifetime=arguments.lifetime,
        )
    )


if __name__ == "__main__":
    main()
