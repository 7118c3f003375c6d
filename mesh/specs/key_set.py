"""Public keys of a token issuer as text: a JSON Web Key Set (RFC 7517) that Envoy can verify signatures with.

Envoy refuses a whole listener for a set without one key that it can read, and with the listener every host on it.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, cast

from chatgpt_mesh.mesh.specs.scalar import text_that

_COORDINATE_BYTES = {"P-256": 32, "P-384": 48, "P-521": 66}
"""RFC 7518, section 6.2.1.2."""
_ED25519_BYTES = 32
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_SIGNATURES = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "EC": frozenset({"ES256", "ES384", "ES512"}),
    "OKP": frozenset({"EdDSA"}),
}
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


def key_set_refusal(text: str) -> str | None:
    """Why Envoy could not verify tokens with a text, or None where it can."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        return "must be a JSON Web Key Set as JSON text, and this is no JSON"
    found = cast("dict[str, Any]", document).get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(key, dict) for key in cast("list[object]", found)):
        return 'must be a JSON Web Key Set: a mapping with a list of keys, {"keys": [...]}'
    keys = cast("list[dict[str, Any]]", found)
    if any(_SECRET_MEMBERS & key.keys() for key in keys):
        return "has a key with a secret part, which signs tokens; whoever reads the mesh could: list public keys alone"
    if not any(_verifies(key) for key in keys):
        return (
            "has no key that Envoy can verify a signature with, and Envoy refuses the whole gateway for it: RSA with n "
            "and e, EC on P-256, P-384 or P-521 with x and y, or OKP on Ed25519 with x, base64url without padding"
        )
    return None


def _verifies(key: dict[str, Any]) -> bool:
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in _SIGNATURES or key.get("use", "sig") != "sig":
        return False
    if "alg" in key and key["alg"] not in _SIGNATURES[kind]:
        return False
    match kind:
        case "RSA":
            return _size(key.get("n")) > 0 and _size(key.get("e")) > 0
        case "EC":
            wanted = _COORDINATE_BYTES.get(str(key.get("crv")))
            return wanted is not None and _size(key.get("x")) == _size(key.get("y")) == wanted
        case _:
            return key.get("crv") == "Ed25519" and _size(key.get("x")) == _ED25519_BYTES


def _size(member: object) -> int:
    """Bytes of a base64url text without padding (RFC 7515, section 2); 0 for anything else."""
    if not isinstance(member, str) or not _BASE64URL.fullmatch(member):
        return 0
    return len(member) * 6 // 8


KeySet = Annotated[str, text_that(key_set_refusal)]
"""A JSON Web Key Set as JSON text."""
