"""What Istio takes as a RequestAuthentication and a PeerAuthentication."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, cast

from meshlint.validation.grammar import NONE, Message, each, every, filled, longest, one_of, problem
from meshlint.validation.selection import SELECTION, selector, selects_once
from meshlint.validation.values import duration, plain_header_name, port, url_scheme

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest


def _keys_address(value: str) -> Problems:
    found = longest(2048)(value)
    if url_scheme(value) not in ("http", "https"):
        found += problem(f"is {value!r}, no address of HTTP", "write https://...")
    return found


def _keys(value: str) -> Problems:
    if not value:
        return NONE
    try:
        # Istio reads the first value, and looks no further.
        document: Any = json.JSONDecoder().raw_decode(value.lstrip())[0]
    except ValueError:
        return problem("is no JSON", "write the key set as the issuer publishes it (RFC 7517)")
    keys = cast("dict[str, Any]", document).get("keys", [document]) if isinstance(document, dict) else ""
    if keys is None:
        return NONE
    if not isinstance(keys, list):
        return problem("is no key set", "write the key set as the issuer publishes it (RFC 7517)")
    for key in cast("list[Any]", keys):
        if not _is_key(key):
            return problem("has a key that cannot be read", "write the key set as the issuer publishes it (RFC 7517)")
    return NONE


_PARTS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}
_NO_NUMBER = ("crv",)


def _is_key(key: Any) -> bool:
    if not isinstance(key, dict):
        return False
    fields = cast("dict[str, Any]", key)
    parts = _PARTS.get(str(fields.get("kty")))
    return parts is not None and all(
        isinstance(fields.get(name), str) and (name in _NO_NUMBER or _is_base64(fields[name])) for name in parts
    )


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.translate({45: 43, 95: 47}) + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(value)


def _claim_to_header(value: Json) -> Problems:
    found = NONE
    for name in ("header", "claim"):
        if not value.get(name):
            found += problem(f"has no {name}", "write both")
    if value.get("header"):
        found += tuple((("header", *path), what, mend) for path, what, mend in plain_header_name(value["header"]))
    return found


def _has_name(value: Json) -> Problems:
    return NONE if value.get("name") else problem("has no name", "name the header")


def _issuer(value: Json) -> Problems:
    if value.get("issuer") or value.get("jwksUri"):
        return NONE
    return problem("names neither issuer nor jwksUri", "name who issues the tokens")


_JWT_RULE = Message(
    {
        "issuer": filled,
        "audiences": each(filled),
        "jwksUri": _keys_address,
        "jwks_uri": _keys_address,
        "jwks": _keys,
        "fromHeaders": each(_has_name),
        "fromParams": each(filled),
        "fromCookies": each(filled),
        "outputClaimToHeaders": each(_claim_to_header),
        "spaceDelimitedClaims": every(each(filled), longest(64)),
        "timeout": duration,
    },
    one_of("jwksUri", "jwks_uri", "jwks"),
    _issuer,
)
_REQUEST = Message({**SELECTION, "jwtRules": every(each(_JWT_RULE), longest(4096))}, selects_once)


def validate_request(obj: Manifest) -> Problems:
    """Every reason to refuse this RequestAuthentication, by its place in the spec."""
    return _REQUEST(obj.spec)


def _ports(spec: Json) -> Problems:
    found = NONE
    written: Json = spec["portLevelMtls"]
    if not written:
        found += problem("is empty", "name a port, or remove it", "portLevelMtls")
    for name in written:
        if not name.isdecimal() or port(int(name)):
            found += problem(f"is for {name!r}, no port", "write a number from 1 to 65535", "portLevelMtls", name)
    return found


_PEER = Message({"selector": selector("matchLabels")})


def validate_peer(obj: Manifest) -> Problems:
    """Every reason to refuse this PeerAuthentication, by its place in the spec."""
    found = _PEER(obj.spec)
    return found + _ports(obj.spec) if "portLevelMtls" in obj.spec else found
