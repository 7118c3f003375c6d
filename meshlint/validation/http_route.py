"""What Istio takes as a route of HTTP in a VirtualService."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from meshlint.validation.grammar import (
    NONE,
    Message,
    among,
    below,
    each,
    entries,
    every,
    one_of,
    problem,
    whole,
)  # fmt: skip
from meshlint.validation.route_destination import DESTINATION, gateway_names, weights
from meshlint.validation.string_match import NOT_EMPTY_MATCH, ORIGIN, URI_MATCH, WITHOUT_MATCH, regex
from meshlint.validation.values import (
    dns_label,
    duration,
    header_name,
    header_value,
    is_header_name,
    labels,
    nanoseconds,
    port,
)  # fmt: skip

if TYPE_CHECKING:
    from meshlint.validation.grammar import Check, Problems
    from meshlint.view.fields import Json

CLAIM = "@request.auth.claims"
_PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})


def is_claim(name: str) -> bool:
    """Whether a match by this header is one by a token's claim."""
    if not name.lower().startswith(CLAIM):
        return False
    rest = name[len(CLAIM) :]
    return (rest.startswith(".") and len(rest) > 1) or (rest.startswith("[") and rest.endswith("]") and len(rest) > 2)


def _matched_header(name: str) -> Problems:
    if is_header_name(name) or name in _PSEUDO_HEADERS or is_claim(name):
        return NONE
    return problem(f"is by {name!r}, no header's name", "write letters, digits and hyphens")


_MATCH = Message(
    {
        "uri": URI_MATCH,
        "scheme": NOT_EMPTY_MATCH,
        "method": NOT_EMPTY_MATCH,
        "authority": NOT_EMPTY_MATCH,
        "headers": entries(NOT_EMPTY_MATCH, key=_matched_header),
        "withoutHeaders": entries(WITHOUT_MATCH, key=_matched_header),
        "queryParams": entries(NOT_EMPTY_MATCH),
        "port": lambda value: port(value) if value else NONE,
        "sourceLabels": labels,
        "sourceNamespace": lambda value: dns_label(value) if value else NONE,
        "gateways": gateway_names,
    }
)


def is_authority(name: str) -> bool:
    """Whether a header of this name sets the request's host."""
    return name.lower() in (":authority", "host")


def _changed_in_request(name: str) -> Problems:
    if not name:
        return problem("has no name", "name the header")
    if name.startswith(":") and not is_authority(name):
        return problem("is a pseudo header, which cannot be changed", "use rewrite, or another header")
    return NONE


def _changed(name: str) -> Problems:
    if not name:
        return problem("has no name", "name the header")
    if name.startswith(":") or name.lower() == "host":
        return problem(f"is {name!r}, which cannot be changed here", "use rewrite, or another header")
    return NONE


def _operations(name: Check) -> Message:
    added = entries(header_value, key=name)
    return Message({"add": added, "set": added, "remove": each(_changed)})


HEADERS = Message({"request": _operations(_changed_in_request), "response": _operations(_changed)})

_CORS_METHODS = among("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*")


def _whole_seconds(value: str) -> Problems:
    if (nanoseconds(value) or 0) % 10**9:
        return problem(f"is {value}, with a fraction of a second", "write whole seconds")
    return NONE


_CORS = Message(
    {
        "allowOrigins": each(ORIGIN),
        "allowMethods": each(_CORS_METHODS),
        "allowHeaders": each(header_name),
        "exposeHeaders": each(header_name),
        "maxAge": every(duration, _whole_seconds),
    }
)


def _percentage(value: Json) -> Problems:
    share = value.get("value", 0)
    if share == 0 or 0.0001 <= share <= 100:
        return NONE
    return problem(f"is {share}, neither 0 nor from 0.0001 to 100", "write a percentage", "value")


def http_status(value: int) -> Problems:
    """A status of HTTP that a proxy can answer with."""
    # Istio takes 600 too.
    return NONE if 200 <= value <= 600 else problem(f"is {value}, no HTTP status", "write one from 200 to 599")


GRPC_STATUS = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


def _not_supported(mend: str) -> Check:
    return lambda _: problem("is not supported by Istio", mend)


def _has_a_fault(value: Json) -> Problems:
    if "abort" in value or "delay" in value:
        return NONE
    return problem("has neither abort nor delay", "write one, or remove it")


_FAULT = Message(
    {
        "abort": Message(
            {
                "percentage": _percentage,
                "httpStatus": http_status,
                "grpcStatus": among(*GRPC_STATUS),
                "http2Error": _not_supported("write httpStatus or grpcStatus"),
            },
            one_of("httpStatus", "grpcStatus", "http2Error"),
        ),
        "delay": Message(
            {
                "percentage": _percentage,
                "fixedDelay": duration,
                "exponentialDelay": _not_supported("write fixedDelay"),
            },
            one_of("fixedDelay", "exponentialDelay"),
        ),
    },
    _has_a_fault,
)


def _mirror(value: Json) -> Problems:
    return NONE if "destination" in value else problem("has no destination", "name the host")


def _plain_percentage(value: Json) -> Problems:
    share = value.get("value", 0)
    return NONE if 0 <= share <= 100 else problem(f"is {share}, no percentage", "write 0 to 100", "value")


_MIRROR = Message({"destination": DESTINATION, "percentage": _plain_percentage}, _mirror)


def _redirect(value: Json) -> Problems:
    found = NONE
    if value.get("uri") and value.get("prefixRewrite"):
        found += problem("has uri and prefixRewrite", "keep one of them")
    named = ("uri", "prefixRewrite", "authority", "scheme")
    if not any(value.get(name) for name in named) and "port" not in value and "derivePort" not in value:
        found += problem("leads to where the request was", "write uri, authority, scheme or port")
    return found


def _redirect_port(value: int) -> Problems:
    return port(value) if value else NONE


def _redirect_code(value: int) -> Problems:
    if value == 0 or 300 <= value <= 399:
        return NONE
    return problem(f"is {value}, no redirection", "write a status from 300 to 399")


_REDIRECT = Message(
    {"scheme": among("", "http", "https"), "redirectCode": _redirect_code, "port": _redirect_port},
    _redirect,
    one_of("port", "derivePort"),
)

_MEGABYTE = 1024 * 1024


def _body(value: Json) -> Problems:
    size = len(str(value.get("string", "")).encode()) or len(str(value.get("bytes", ""))) * 3 // 4
    return problem(f"has {size} bytes, more than a mebibyte", "let an app answer") if size > _MEGABYTE else NONE


_DIRECT_RESPONSE = Message({"status": http_status, "body": Message({}, one_of("string", "bytes"), _body)})

RETRY_ON = frozenset(
    {
        "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream",
        "retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure", "cancelled",
        "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
    }
)  # fmt: skip
_STATUSES = frozenset(str(status.value) for status in HTTPStatus) | {"103", "418", "425"}


def _retries(value: Json) -> Problems:
    others = [name for name in ("perTryTimeout", "retryRemoteLocalities") if name in value]
    others += ["retryOn"] * bool(value.get("retryOn"))
    if value.get("attempts", 0) == 0 and others:
        return problem(
            f"has no attempts and yet {' and '.join(others)}",
            "write attempts, or leave only attempts: 0, which turns retries off",
        )
    return NONE


def _retry_on(value: str) -> Problems:
    unknown = [name for name in value.split(",") if name not in RETRY_ON and name not in _STATUSES] if value else []
    if not unknown:
        return NONE
    what = f"has {', '.join(map(repr, unknown))}, which is no condition of a retry"
    return problem(what, "write conditions of Envoy or statuses of HTTP, with commas and without spaces")


_RETRIES = Message(
    {"attempts": whole(0), "perTryTimeout": duration, "backoff": duration, "retryOn": _retry_on}, _retries
)


def _rewrite(value: Json) -> Problems:
    if value.get("uri") and "uriRegexRewrite" in value:
        return problem("has uri and uriRegexRewrite", "keep one of them")
    if not value.get("uri") and not value.get("authority") and "uriRegexRewrite" not in value:
        return problem("rewrites nothing", "write uri, uriRegexRewrite or authority, or remove it")
    return NONE


def _uri_regex(value: Json) -> Problems:
    if not value.get("match") or not value.get("rewrite"):
        return problem("needs match and rewrite", "write both")
    return below("match", regex(value["match"]))


def _has_destination(value: Json) -> Problems:
    return NONE if "destination" in value else problem("has no destination", "name the host")


ROUTE_DESTINATION = Message({"destination": DESTINATION, "weight": whole(0), "headers": HEADERS}, _has_destination)


def _one_answer(value: Json, *, delegated: bool) -> Problems:
    """What a route does: forward, redirect, answer, or leave it to a delegate."""
    if "delegate" in value and not delegated:
        found = NONE
        for name in ("redirect", "route"):
            if value.get(name):
                found += problem(f"has delegate and {name}, of which a route can have one", "split it into two routes")
        return found
    found = problem("is in a delegate and delegates itself", "remove delegate") if "delegate" in value else NONE
    answer = next((name for name in ("redirect", "directResponse") if name in value), "")
    if answer:
        for other in ("route", "fault", "rewrite", *(("directResponse",) if answer == "redirect" else ())):
            if value.get(other) or (other != "route" and other in value):
                what = f"has {answer} and {other}, which exclude each other"
                found += problem(what, "split it into two routes" if other == "route" else f"remove {other}")
    elif not value.get("route"):
        what = "neither forwards, redirects, answers nor delegates"
        found += problem(what, "add route, redirect, directResponse or delegate")
    if "mirror" in value and value.get("mirrors"):
        found += problem("has mirror and mirrors", "keep mirrors")
    return found


def _prefix_rewrite(value: Json) -> Problems:
    if not value.get("redirect", {}).get("prefixRewrite"):
        return NONE
    if all("prefix" in match["uri"] for match in value.get("match", ()) if "uri" in match):
        return NONE
    return problem(
        "rewrites a prefix, and not every match is by prefix", "match by prefix", "redirect", "prefixRewrite"
    )


def _authority_once(value: Json) -> Problems:
    request = value.get("headers", {}).get("request", {})
    sets = [
        name for block in ("set", "add") for name, new in request.get(block, {}).items() if new and is_authority(name)
    ]
    if value.get("rewrite", {}).get("authority"):
        sets.append("rewrite.authority")
    if len(sets) < 2:
        return NONE
    return problem(f"sets the host twice ({', '.join(sets)})", "keep one of them", "headers", "request")


def _mirror_percent(value: int) -> Problems:
    return NONE if value <= 100 else problem(f"is {value}, no percentage", "write mirrorPercentage: {value: 100}")


_ROUTE = Message(
    {
        "match": each(_MATCH),
        "route": each(ROUTE_DESTINATION, weights),
        "redirect": _REDIRECT,
        "directResponse": _DIRECT_RESPONSE,
        "rewrite": Message({"uriRegexRewrite": _uri_regex}, _rewrite),
        "timeout": duration,
        "retries": _RETRIES,
        "fault": _FAULT,
        "mirror": DESTINATION,
        "mirrors": each(_MIRROR),
        "mirrorPercentage": _plain_percentage,
        "mirrorPercent": _mirror_percent,
        "corsPolicy": _CORS,
        "headers": HEADERS,
    },
    _prefix_rewrite,
    _authority_once,
)

HTTP_ROUTE = _ROUTE.also({}, lambda value: _one_answer(value, delegated=False))
DELEGATED_HTTP_ROUTE = _ROUTE.also({}, lambda value: _one_answer(value, delegated=True))
"""A route in a VirtualService without hosts."""
