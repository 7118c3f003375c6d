"""Free text of a stack file, each kind as narrow as what reads it: people, headers, cookies, the claims of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.scalar import text_like


def _without_wildcard(text: str) -> str | None:
    if text.startswith("*") or text.endswith("*"):
        return (
            "must not begin or end with '*', which Istio's policies read as any beginning or end and its routes as the "
            "character; write the whole value"
        )
    return None


def _printable(text: str) -> str | None:
    return None if text.isprintable() else "must be printable text on one line"


_ONE_WORD = "must be one word, without spaces, quotes, commas and backslashes"

if TYPE_CHECKING:
    Line = str
    Token = str
    ClaimName = str
    ClaimValue = str
    ToolName = str
    Scope = str
    Subject = str
    HeaderWord = str
    CookieName = str
    QueryName = str
else:
    Line = text_like(
        r"\S(.*\S)?",
        "must be text on one line, not empty and without blanks around it, at most 500 characters",
        longest=500,
        examples=["the batch job gets a sidecar in May; team data"],
        further=_printable,
    )
    Token = text_like(r'[^\s"\\,]+', _ONE_WORD, longest=200, examples=["chatgpt.tools.execute"], further=_printable)
    ClaimName = text_like(
        r'[^\s"\\,\[\]]+',
        "must be the name of a claim: one word, without spaces, quotes, commas, backslashes and brackets",
        longest=200,
        examples=["org"],
        further=_printable,
    )
    ClaimValue = text_like(
        r'[^\s"\\,]+',
        _ONE_WORD,
        longest=200,
        examples=["acme"],
        further=lambda text: _printable(text) or _without_wildcard(text),
    )
    ToolName = text_like(
        r"[A-Za-z0-9_.-]+",
        "must be the name of a tool: 1 to 128 letters, digits, '_', '-' and '.'",
        longest=128,
        examples=["execute_sql"],
    )
    Scope = text_like(
        r"[!#-$&-+\--\[\]-~]+",
        "must be a scope: printable ASCII without spaces, quotes, commas, backslashes and '%' (RFC 6749, section 3.3; "
        "in the challenge that names it a proxy reads '%' as the begin of an operator)",
        longest=200,
        examples=["chatgpt.tools.execute"],
        further=_without_wildcard,
    )
    Subject = text_like(
        r"\S(.*\S)?",
        "must be a subject: text on one line, not empty and without blanks around it",
        longest=255,
        examples=["banned-user"],
        further=lambda text: _printable(text) or _without_wildcard(text),
    )
    HeaderWord = text_like(
        r"[!#-+\--\[\]-~]+",
        "must be one word of printable ASCII, without spaces, quotes, commas and backslashes",
        longest=200,
        examples=["true"],
    )
    CookieName = text_like(
        r"[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        "must be a cookie's name: letters, digits and the signs of RFC 9110's tokens such as '-' and '_'",
        longest=100,
        examples=["canary"],
    )
    QueryName = text_like(
        r"[A-Za-z0-9._~-]+",
        "must be a query parameter's name: letters, digits, '-', '_', '.' and '~'",
        longest=100,
        examples=["conversation"],
    )
