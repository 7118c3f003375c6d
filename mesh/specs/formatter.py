"""Arguments of the operators of Envoy's formatter, which writes headers, log lines and tags of spans.

Envoy refuses the whole listener or gateway for one that it cannot read:
https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter
"""

from __future__ import annotations

import re

OPERATORS_WITH_ARGUMENTS = frozenset(
    {
        *("REQ", "RESP", "TRAILER", "PATH", "QUERY_PARAM", "ENVIRONMENT", "COMMON_DURATION"),
        *("DYNAMIC_METADATA", "CLUSTER_METADATA", "UPSTREAM_METADATA", "FILTER_STATE", "UPSTREAM_FILTER_STATE"),
    }
)
"""Operators that mean nothing without arguments."""

ARGUMENTS_OPTIONAL = frozenset(
    {"START_TIME", "GRPC_STATUS", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END"}
)

_HEADERS = re.compile(r":?[A-Za-z0-9_-]+(\?:?[A-Za-z0-9_-]+)?")
_FORMS = {
    "REQ": (_HEADERS, "one header, or two with '?' between them"),
    "RESP": (_HEADERS, "one header, or two with '?' between them"),
    "TRAILER": (_HEADERS, "one header, or two with '?' between them"),
    "REQ_WITHOUT_QUERY": (_HEADERS, "one header, or two with '?' between them"),
    "PATH": (
        re.compile(r"(NQ|WQ)(:(ORIG|PATH|ORIG_OR_PATH))?"),
        "NQ or WQ, and ORIG, PATH or ORIG_OR_PATH after a ':', as in %PATH(NQ:ORIG)%",
    ),
    "GRPC_STATUS": (re.compile(r"(CAMEL_STRING|SNAKE_STRING|NUMBER)?"), "CAMEL_STRING, SNAKE_STRING or NUMBER"),
    "COMMON_DURATION": (
        re.compile(r"(DS|US)_(RX|TX)_(BEG|END):(DS|US)_(RX|TX)_(BEG|END):(ms|us|ns)"),
        "two points in time and a unit, as in %COMMON_DURATION(DS_RX_BEG:DS_TX_END:ms)%",
    ),
}


def arguments_refusal(name: str, arguments: str | None) -> str | None:
    """Why Envoy would refuse what is given to a known operator, or None where it takes it."""
    text = arguments or ""
    if name in OPERATORS_WITH_ARGUMENTS and not text.strip():
        return f"%{name}% needs arguments, as in %REQ(X-REQUEST-ID)%"
    form, wanted = _FORMS.get(name, (None, ""))
    if form is not None and not form.fullmatch(text):
        return f"%{name}({text})% must name {wanted}"
    return None
