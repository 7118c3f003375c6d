"""Values of headers and texts of answers that a proxy writes.

Envoy reads the values as format strings, and refuses a whole gateway for one operator that it does not know:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from chatgpt_mesh.mesh.specs.confidential import SAFE_OPERATORS
from chatgpt_mesh.mesh.specs.formatter import ARGUMENTS_OPTIONAL, OPERATORS_WITH_ARGUMENTS, arguments_refusal
from chatgpt_mesh.mesh.specs.scalar import text_like, text_that

PLAIN_OPERATORS = SAFE_OPERATORS - ARGUMENTS_OPTIONAL | {
    *("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT"),
    *("DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_PEER_SUBJECT", "DOWNSTREAM_PEER_ISSUER", "DOWNSTREAM_PEER_SERIAL"),
    *("DOWNSTREAM_PEER_FINGERPRINT_1", "DOWNSTREAM_PEER_FINGERPRINT_256", "DOWNSTREAM_PEER_CERT"),
    *("DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END"),
    *("UPSTREAM_LOCAL_URI_SAN", "UPSTREAM_PEER_SUBJECT", "UPSTREAM_PEER_ISSUER", "UPSTREAM_REMOTE_PORT"),
    *("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_REMOTE_PORT"),
}
"""Operators without arguments."""

# Istio takes no `:10` (a length) after an operator here, as Envoy does in a log's format.
_OPERATOR = re.compile(r"%%|%(?P<name>[A-Z][A-Z0-9_]*)(?P<given>\((?P<arguments>[^()\"\\\[]*)\))?%")


def formatter_refusal(value: str) -> str | None:
    """Why Istio or Envoy would refuse a header's value, or None where they take it."""
    position = 0
    while (position := value.find("%", position)) >= 0:
        match = _OPERATOR.match(value, position)
        if match is None:
            return (
                "has a single %, which begins an operator of Envoy's formatter such as %START_TIME%; write %% for the "
                "character itself"
            )
        name = match["name"]
        if name is not None and (refusal := _operator_refusal(name, match["given"] is not None, match["arguments"])):
            return refusal
        position = match.end()
    return None


def _operator_refusal(name: str, given: bool, arguments: str | None) -> str | None:
    if refusal := arguments_refusal(name, arguments):
        return refusal
    if name in ARGUMENTS_OPTIONAL or name in OPERATORS_WITH_ARGUMENTS:
        return None
    if name in PLAIN_OPERATORS:
        return f"%{name}% takes no arguments" if given else None
    return (
        f"%{name}% is no operator that Envoy's formatter knows in headers, and Envoy would refuse the whole gateway; "
        "write %% for the character %, or an operator such as %START_TIME% or %REQ(X-REQUEST-ID)%"
    )


if TYPE_CHECKING:
    HeaderValue = str
    MediaType = str
else:
    HeaderValue = text_like(
        r"[!-~]([ \t!-~]*[!-~])?",
        "must be a header's value: printable ASCII on one line, not empty and without blanks around it (to take a "
        "header away, list it under remove)",
        longest=4096,
        examples=["%START_TIME%"],
        further=formatter_refusal,
    )
    MediaType = text_like(
        r'[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( ?; ?[A-Za-z0-9_-]+=("[A-Za-z0-9 ._:/+-]*"|[A-Za-z0-9._:/+-]+))*',
        "must be a media type such as text/html or text/plain; charset=utf-8",
        longest=200,
        examples=["text/plain; charset=utf-8"],
    )

LONGEST_BODY = 4096
"""Bytes of an answer that Envoy gives itself; it refuses all routes of a gateway for a longer one."""


def _body_refusal(text: str) -> str | None:
    size = len(text.encode())
    return f"must have {LONGEST_BODY} bytes at most, and has {size}" if size > LONGEST_BODY else None


AnswerBody = Annotated[str, text_that(_body_refusal)]
"""Text of an answer that a proxy gives itself."""
