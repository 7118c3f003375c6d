"""Values as Istio reads them: hosts, addresses, ports, durations, labels, header names and values."""

from __future__ import annotations

import functools
import ipaddress
import re
from fractions import Fraction
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshlint.validation.grammar import NONE, problem

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json

_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_DNS_LABEL = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}\Z")
_FIRST_LABEL = re.compile(rf"(?=.{{1,63}}\Z)(?:\*|(?:\*|\*-)?{_LABEL})\Z")
_NAME = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_KEY = re.compile(rf"(?:({_LABEL}(?:\.{_LABEL})*)/)?({_NAME})\Z")
_LABEL_VALUE = re.compile(rf"(?:{_NAME})?\Z")

HOST_MEND = "write a DNS name, with a wildcard in its first label alone"


def is_dns_label(value: str) -> bool:
    """Whether this is one label of a DNS name (RFC 1123): letters, digits and hyphens, at most 63."""
    return _DNS_LABEL.match(value) is not None


@functools.lru_cache(maxsize=8192)
def dns_label(value: str) -> Problems:
    """One label of a DNS name."""
    if is_dns_label(value):
        return NONE
    return problem(f"is {value!r}, no DNS label", "write at most 63 letters, digits and hyphens")


def _labels(domain: str) -> str:
    """What is wrong with the labels of a name; empty if nothing."""
    labels = domain.split(".")
    last = labels[-1]
    if last.lstrip("+-").isdecimal():
        return f"its last label {last!r} is a number"
    if last == "":
        labels.pop()
    return next((f"its label {label!r} is none of DNS" for label in labels if not is_dns_label(label)), "")


def _name_of_any_length(value: str, wrong: str) -> Problems:
    if not value:
        return problem("is empty", "write a DNS name")
    if len(value) > 255:
        return problem(f"has {len(value)} characters, more than the 255 of a DNS name", "shorten it")
    return problem(f"is {value!r}, no host name: {wrong}", HOST_MEND) if wrong else NONE


@functools.lru_cache(maxsize=8192)
def fqdn(value: str) -> Problems:
    """A host name without wildcards."""
    return _name_of_any_length(value, _labels(value))


@functools.lru_cache(maxsize=8192)
def host_pattern(value: str) -> Problems:
    """A host name whose first label may be, or begin with, a wildcard."""
    first, dot, rest = value.partition(".")
    wrong = "" if _FIRST_LABEL.match(first) else f"its label {first!r} is none of DNS"
    return _name_of_any_length(value, wrong or (_labels(rest) if dot else ""))


@functools.lru_cache(maxsize=4096)
def is_address(value: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=4096)
def is_range(value: str) -> bool:
    """Whether this is an address and a length of prefix (CIDR)."""
    address, _, length = value.partition("/")
    if not is_address(address) or not re.fullmatch(r"0|[1-9]\d*", length, re.ASCII):
        return False
    return "%" not in address and int(length) <= (128 if ":" in address else 32)


def address(value: str) -> Problems:
    """An IP address."""
    return NONE if is_address(value) else problem(f"is {value!r}, no IP address", "write an IPv4 or IPv6 address")


def subnet(value: str) -> Problems:
    """An IP address or a range."""
    if is_range(value) if "/" in value else is_address(value):
        return NONE
    return problem(f"is {value!r}, neither an IP address nor a CIDR range", "write for example 10.0.0.0/8")


def port(value: int) -> Problems:
    """A port's number."""
    return NONE if 0 < value < 65536 else problem(f"is {value}, no port", "write a number from 1 to 65535")


def unix_path(value: str) -> Problems:
    """The rest of `unix://`: an absolute path to a socket, or an abstract name that begins with @."""
    if value.startswith("@") or (value.startswith("/") and not value.endswith("/")):
        return NONE
    return problem(f"names the socket {value!r}, no absolute path to a file", "write unix:///PATH or unix://@NAME")


_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"[-+]?(?:0|(?:{_PART.pattern})+)\Z", re.ASCII)


@functools.lru_cache(maxsize=4096)
def nanoseconds(value: str) -> int | None:
    """A duration as Go reads it (`1h30m`, `0.25s`); None where it is none."""
    if not _DURATION.match(value):
        return None
    total = sum(Fraction(number.rstrip(".")) * _NANOSECONDS[unit] for number, unit in _PART.findall(value))
    return -int(total) if value.startswith("-") else int(total)


@functools.lru_cache(maxsize=4096)
def duration(value: str) -> Problems:
    """A duration of at least one millisecond, without a fraction of one."""
    length = nanoseconds(value)
    if length is None:
        return problem(f"is {value!r}, which is no duration", "write a number and a unit, as in 1.5s or 300ms")
    if length < 10**6:
        return problem(f"is {value}, below the least allowed 1ms", "write at least 1ms, or leave it out for no limit")
    if length % 10**6:
        return problem(f"is {value}, with a fraction of a millisecond", "write whole milliseconds")
    return NONE


def short_duration(value: str) -> Problems:
    """A duration of at least one millisecond, with or without a fraction of one."""
    length = nanoseconds(value)
    return NONE if length is not None and length >= 10**6 else duration(value)


def any_duration(value: str) -> Problems:
    """A duration of any length."""
    if nanoseconds(value) is not None:
        return NONE
    return problem(f"is {value!r}, which is no duration", "write a number and a unit, as in 1.5s or 300ms")


def labels(value: Json) -> Problems:
    """Labels as Kubernetes takes them."""
    found = NONE
    for key, written in value.items():
        wrong = _label(key, written)
        if wrong:
            found += problem(wrong, "write letters, digits, - _ and . (63 at most)", key)
    return found


@functools.lru_cache(maxsize=8192)
def _label(key: str, value: str) -> str:
    parts = _LABEL_KEY.match(key)
    if parts is None or len(parts[1] or "") > 253 or len(parts[2]) > 63:
        return f"has the key {key!r}, which is no label's key"
    return "" if _LABEL_VALUE.match(value) else f"is {value!r}, which is no label's value"


_HEADER_NAME = re.compile(r"[!#$%&'*+\-.,^_`|~A-Za-z0-9]+\Z")
"""What RFC 9110 (section 5.6.2) takes for a token, and the comma, which Istio takes too."""
_HEADER_MEND = "write letters, digits and hyphens"


@functools.lru_cache(maxsize=4096)
def is_header_name(value: str) -> bool:
    """Whether this is a field name of HTTP (RFC 9110 section 5.1)."""
    return _HEADER_NAME.match(value) is not None


def header_name(value: str) -> Problems:
    """A header's name of HTTP, or `*` for all."""
    return NONE if is_header_name(value) else problem(f"is {value!r}, no header's name", _HEADER_MEND)


def plain_header_name(value: str) -> Problems:
    """A header's name of letters, digits, hyphens and underscores."""
    if re.fullmatch(r"[-_A-Za-z0-9]+", value, re.ASCII):
        return NONE
    return problem(f"is {value!r}, no header's name", _HEADER_MEND)


_NEXT: dict[str, dict[str, str]] = {
    "text": {"%": "command"},
    "command": {"%": "text", "(": "arguments"},
    "arguments": {"[": "list", " ": "arguments"},
    "list": {'"': "argument", " ": "list"},
    "argument": {")": "end", '"': "separator"},
    "separator": {",": "list", "]": "closing", " ": "separator"},
    "closing": {")": "end", " ": "closing"},
    "end": {"%": "text", " ": "end"},
}
"""What follows on a character in Envoy's command operators (`%REQ(X)%`, `%DYNAMIC_METADATA(["a", "b"])%`)."""
_ELSE = {"text": "text", "command": "command", "arguments": "argument", "argument": "argument"}


@functools.lru_cache(maxsize=4096)
def header_value(value: str) -> Problems:
    """A header's value: no control characters, and whole command operators of Envoy."""
    if any((character < " " and character != "\t") or character == "\x7f" for character in value):
        return problem("has a control character", "remove it")
    if "%" not in value:
        return NONE
    state, position = "text", 0
    while position < len(value):
        character = value[position]
        if state == "text" and value.startswith("%%", position):
            position += 2
            continue
        if state == "argument" and character == "\\":
            position += 2
            continue
        state = _NEXT[state].get(character) or _ELSE.get(state, "")
        if not state:
            break
        position += 1
    if state == "text":
        return NONE
    return problem(
        f"is {value!r}, in which a % neither begins nor ends a command of Envoy", "write %% for a percent sign"
    )


def url_scheme(value: str) -> str | None:
    """The scheme of a URL, empty where it has none; None where it is no URL."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return None if re.search(r"[\x00-\x20\x7f\\^`{|}]", parts.netloc) else parts.scheme


PROTOCOLS = frozenset(
    {
        "tcp", "udp", "grpc", "grpc-web", "http", "http_proxy", "http2", "https", "tls", "mongo", "redis", "mysql",
    }
)  # fmt: skip
HTTP_PROTOCOLS = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
TLS_PROTOCOLS = frozenset({"https", "tls"})


@functools.lru_cache(maxsize=256)
def protocol(value: str) -> Problems:
    """A protocol that Istio knows, in any case; empty is one that it detects."""
    if not value or value.lower() in PROTOCOLS:
        return NONE
    known = ", ".join(sorted(name.upper() for name in PROTOCOLS))
    return problem(f"is {value!r}, which Istio does not know", f"write one of {known}")
