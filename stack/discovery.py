"""Reads where an authorization server has its keys, from the document in which it says so."""

from __future__ import annotations

import http.client
import json
import urllib.request
from typing import Any, cast
from urllib.parse import urlsplit

SECONDS = 5.0
_LARGEST = 1024 * 1024


def documents(issuer: str) -> tuple[str, ...]:
    """Where an issuer's document may be, in the order in which MCP's clients ask: RFC 8414 section 3, with the path of
    the issuer behind the well-known one, then OpenID Connect Discovery 1.0 section 4, with it before.
    """
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    known = "/.well-known"
    return (
        f"{origin}{known}/oauth-authorization-server{path}",
        f"{origin}{path}{known}/openid-configuration",
    )


def jwks_uri(issuer: str, *, seconds: float = SECONDS) -> str | None:
    """`jwks_uri` of the first document that answers and is this issuer's own; None if none does.

    A document that names another issuer is of somebody else (RFC 8414 section 3.3) and is passed over.
    """
    for address in documents(issuer):
        said = _read(address, seconds)
        found = said.get("jwks_uri")
        if said.get("issuer") == issuer and isinstance(found, str) and found.startswith("https://"):
            return found
    return None


def _read(address: str, seconds: float) -> dict[str, Any]:
    if urlsplit(address).scheme != "https":
        return {}
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:  # noqa: S310 - https, by the line above
            said: Any = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}
