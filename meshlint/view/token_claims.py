"""Claims of a verified token, as the matches of a route compare them.

Source: https://istio.io/latest/docs/tasks/security/authentication/jwt-route/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.view.fields import mapping, text
from meshlint.view.strings import exact_values

if TYPE_CHECKING:
    from meshlint.view.fields import Json

AUDIENCE_CLAIMS = ("aud", "client_id", "azp", "cid", "appid")
"""Claims that bind a token to a service: its audience or, of an issuer that writes none, the client it was issued to
(RFC 9068; Keycloak, Okta and Entra ID have names of their own)."""

_CLAIM = re.compile(r"@request\.auth\.claims(?:\.(?P<dotted>.+)|\[(?P<name>.+)\])")


def claim_of(header: str) -> str:
    """The claim that a header match of this name means, nested ones as `a][b`; empty where it means a header."""
    found = _CLAIM.fullmatch(header)
    if found is None:
        return ""
    return found["name"] or "][".join(found["dotted"].split("."))


def exact_claims(match: Json) -> dict[str, tuple[str, ...]]:
    """The claims that a match compares exactly, and the values that it takes."""
    headers = mapping(match, "headers")
    found = {claim: values_of(headers, name) for name in headers if (claim := claim_of(name))}
    return {claim: values for claim, values in found.items() if values}


def values_of(headers: Json, name: str) -> tuple[str, ...]:
    """The values that a match of this header takes, where they can be listed."""
    return exact_values({kind: text(headers, name, kind) for kind in ("exact", "regex")})


def binds_token(match: Json) -> bool:
    """Whether a match takes only tokens that are for one service."""
    return not exact_claims(match).keys().isdisjoint(AUDIENCE_CLAIMS)


def takes_no_token(match: Json) -> bool:
    """Whether a match takes only requests that carry none."""
    return any(
        name.lower() == "authorization" and not mapping(match, "withoutHeaders", name)
        for name in mapping(match, "withoutHeaders")
    )
