"""What must not be written to logs, spans and metrics: tokens, cookies and the claims of a JWT.

A log outlives the token in it and is read by more people than may use it:
https://www.rfc-editor.org/rfc/rfc6750#section-5.2
"""

from __future__ import annotations

import re

from chatgpt_mesh.mesh.specs.formatter import ARGUMENTS_OPTIONAL, arguments_refusal

_SECRET_NAMES = re.compile(
    r"(^|[-_])(authorization|cookie|cookie2|tokens?|jwt|assertion|secrets?|passwords?|passwd|credentials?|api-?key|apikey)($|[-_])"
)
_QUERY_HEADERS = frozenset({":path", "x-envoy-original-path", "referer", "x-original-url", "x-rewrite-url", "location"})
"""They hold a URL with its query, and a query may hold a token."""

SAFE_OPERATORS = frozenset(
    {
        *("START_TIME", "DURATION", "REQUEST_DURATION", "RESPONSE_DURATION", "RESPONSE_TX_DURATION"),
        *("BYTES_RECEIVED", "BYTES_SENT", "PROTOCOL", "UPSTREAM_PROTOCOL"),
        *("RESPONSE_CODE", "RESPONSE_CODE_DETAILS", "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG", "GRPC_STATUS"),
        *("CONNECTION_TERMINATION_DETAILS", "DOWNSTREAM_TRANSPORT_FAILURE_REASON", "UPSTREAM_TRANSPORT_FAILURE_REASON"),
        *(
            "UPSTREAM_HOST",
            "UPSTREAM_CLUSTER",
            "UPSTREAM_CLUSTER_RAW",
            "UPSTREAM_LOCAL_ADDRESS",
            "UPSTREAM_REMOTE_ADDRESS",
        ),
        *("UPSTREAM_REQUEST_ATTEMPT_COUNT", "UPSTREAM_WIRE_BYTES_SENT", "UPSTREAM_WIRE_BYTES_RECEIVED"),
        *("DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS"),
        *(
            "DOWNSTREAM_LOCAL_ADDRESS",
            "DOWNSTREAM_LOCAL_PORT",
            "DOWNSTREAM_WIRE_BYTES_SENT",
            "DOWNSTREAM_WIRE_BYTES_RECEIVED",
        ),
        *("DOWNSTREAM_TLS_VERSION", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_LOCAL_URI_SAN"),
        *(
            "UPSTREAM_PEER_URI_SAN",
            "UPSTREAM_TLS_VERSION",
            "REQUESTED_SERVER_NAME",
            "ROUTE_NAME",
            "HOSTNAME",
            "TRACE_ID",
        ),
        *("CONNECTION_ID", "STREAM_ID", "UNIQUE_ID", "VIRTUAL_CLUSTER_NAME", "FILTER_CHAIN_NAME", "ACCESS_LOG_TYPE"),
    }
)
"""Operators that hold nothing a client wrote but host names and addresses."""

_HEADER_OPERATORS = frozenset({"REQ", "RESP", "TRAILER", "REQ_WITHOUT_QUERY"})
_OPERATOR = re.compile(r"%(?:%|(?P<name>[A-Z][A-Z0-9_]*)(?:\((?P<arguments>[^()]*)\))?(?::\d+)?%)")


def header_refusal(header: str) -> str | None:
    """Why a header must not be recorded, or None where it may be."""
    name = header.lower()
    if _SECRET_NAMES.search(name):
        return f"would record {name}, which carries a credential; anybody who reads the records could use it"
    if name in _QUERY_HEADERS:
        return f"would record {name} with its query, which may carry a token; %PATH(NQ:ORIG_OR_PATH)% is without it"
    return None


def environment_refusal(variable: str) -> str | None:
    """Why a variable of the proxy's environment must not be recorded, or None where it may be."""
    if _SECRET_NAMES.search(variable.lower().replace("_", "-")):
        return f"would record the environment variable {variable}, which by its name is a secret"
    return None


def format_refusal(text: str) -> str | None:
    """Why a format string must not be recorded, or None where it may be.

    The operators are those of Envoy:
    https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
    """
    if "%" in _OPERATOR.sub("", text):
        return "is no format string: a single % starts an operator such as %RESPONSE_CODE%, and %% stands for itself"
    for match in _OPERATOR.finditer(text):
        name, arguments = match["name"], match["arguments"] or ""
        if name is None:
            continue
        if name in SAFE_OPERATORS and match["arguments"] and name not in ARGUMENTS_OPTIONAL:
            return f"%{name}% takes no arguments"
        if refusal := arguments_refusal(name, match["arguments"]):
            return refusal
        if name in SAFE_OPERATORS:
            continue
        if name in _HEADER_OPERATORS:
            for header in arguments.split("?"):
                if name == "REQ_WITHOUT_QUERY" and header.lower() in _QUERY_HEADERS:
                    continue
                if refusal := header_refusal(header):
                    return refusal
        elif name == "PATH":
            if not arguments.startswith("NQ"):
                return "would record the path with its query, which may carry a token; write %PATH(NQ:ORIG_OR_PATH)%"
        else:
            return (
                f"%{name}% may hold a token or the claims of one, or is not known; allowed are %REQ(HEADER)%, "
                "%RESP(HEADER)%, %PATH(NQ:ORIG_OR_PATH)% and the operators about connection, route, time and result"
            )
    return None
