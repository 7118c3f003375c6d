"""What every declaration has in common: a frozen, strict model, and the scalars of a stack file.

A stack file is YAML 1.2, which has no dates, no `on`/`off` booleans and no numbers with underscores: types are taken as
YAML gives them and never converted, so `port: "8080"` is a mistake and not a port.
"""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)

from chatgpt_mesh.mesh.specs.kubernetes_names import Labels
from chatgpt_mesh.mesh.specs.scalar import refuse, text_like
from chatgpt_mesh.mesh.specs.words import Token

__all__ = [
    "Bounds",
    "Cidr",
    "Count",
    "Date",
    "DnsLabel",
    "Duration",
    "HeaderName",
    "Hostname",
    "HttpPath",
    "HttpsUrl",
    "Labels",
    "Many",
    "OriginUrl",
    "Percent",
    "PortNumber",
    "Spec",
    "Token",
    "TrustDomain",
    "WildcardHost",
    "authority_refusal",
    "duration_text",
    "whole_percent",
    "within",
]

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Strict(False)]
"""A YAML list. Only the list itself is taken loosely (YAML has no tuples); what is in it stays strict."""


class Spec(BaseModel):
    """A part of a declaration: frozen, with no field beyond its own, every value of the type it is declared with."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]{1,3})?)(?P<unit>ms|s|m|h)")
_LONGEST = timedelta(seconds=315_576_000_000)
"""The longest duration of protobuf; what a field takes is less, and said where it is declared."""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse('must be a duration such as "600s", "250ms", "10m" or "24h"')
    seconds = float(match["amount"]) * _SECONDS[match["unit"]]
    if not 0.001 <= seconds <= _LONGEST.total_seconds():
        raise refuse('must be between "1ms", the shortest duration that Istio takes, and ten thousand years')
    span = timedelta(seconds=seconds)
    if span % timedelta(milliseconds=1):
        raise refuse("must be whole milliseconds, which is what Istio takes")
    return span


def duration_text(span: timedelta) -> str:
    """`600s`, `0.25s`: the form that Istio and Envoy read."""
    return f"{span.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,3})?(ms|s|m|h)$", "examples": ["600s"]}),
]
"""A span of time as text with its unit: `600s`, `250ms`, `10m`, `24h`."""


@dataclass(frozen=True)
class Bounds:
    """The shortest and the longest that a duration may be, both allowed."""

    least: str
    most: str
    why: str

    @property
    def ends(self) -> tuple[timedelta, timedelta]:
        return _duration(self.least), _duration(self.most)

    def __call__(self, span: timedelta) -> timedelta:
        low, high = self.ends
        if not low <= span <= high:
            raise refuse(f'must be between "{self.least}" and "{self.most}"' + (f": {self.why}" if self.why else ""))
        return span


def within(least: str, most: str, why: str = "") -> AfterValidator:
    """Bounds of a duration. `why` says what they come from, where that is not plain."""
    return AfterValidator(Bounds(least, most, why))


def _date(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise refuse('must be a date in quotes such as "2027-01-31"')


Date = Annotated[
    date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-01-31"]})
]
"""A calendar day, in quotes: `"2027-01-31"`."""


def _network(value: object) -> str:
    try:
        # Zones of IPv6 addresses (%eth0) are one machine's, and an address as a number is nobody's way to write one.
        if isinstance(value, str) and "%" not in value:
            return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    raise refuse('must be a network such as "10.8.0.0/20", with no bits set beyond its prefix')


Cidr = Annotated[str, BeforeValidator(_network), WithJsonSchema({"type": "string", "examples": ["10.8.0.0/20"]})]
"""A network in CIDR notation."""

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_URL_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?"
_URL_HOST = re.compile(rf"{_URL_LABEL}(\.{_URL_LABEL})*")


def authority_refusal(url: str) -> str | None:
    """Why the part between scheme and path names no server, or None where it does."""
    authority = re.split(r"[/?]", url.partition("://")[2], maxsplit=1)[0]
    host, colon, port = authority.partition(":")
    if "@" in authority:
        return "must not carry a user name or password, which would stand in the cluster for everybody to read"
    if _URL_HOST.fullmatch(host) is None or len(host) > 253:
        return "must name a host after ://, such as auth.example.com"
    if colon and not (port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        return "must have a port from 1 to 65535 after the host, or none"
    return None


def _path_refusal(path: str) -> str | None:
    """Proxies resolve such paths before they look at routes and policies, so no request would ever have one."""
    if "//" in path or "/./" in f"{path}/" or "/../" in f"{path}/":
        return "must be a normal path, without '//', '/./' and '/../'"
    return None


if TYPE_CHECKING:
    DnsLabel = str
    Hostname = str
    WildcardHost = str
    TrustDomain = str
    OriginUrl = str
    HttpsUrl = str
    HttpPath = str
    HeaderName = str
else:
    DnsLabel = text_like(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a DNS label: lower-case letters, digits and '-', at most 63, starting and ending with a "
        "letter or digit",
        longest=63,
        examples=["chatgpt-mcp"],
    )
    Hostname = text_like(
        rf"({_LABEL}\.)+{_LABEL}",
        "must be a full host name in lower case, without scheme, port or '*', such as chatgpt-mcp.example.com",
        longest=253,
        examples=["chatgpt-mcp.example.com"],
        further=lambda host: "is an address; write the name" if host.rpartition(".")[2].isdecimal() else None,
    )
    WildcardHost = text_like(
        rf"(\*\.)?({_LABEL}\.)+{_LABEL}",
        "must be a host name in lower case or one wildcard label in front of it, such as *.example.com",
        longest=253,
        examples=["*.example.com"],
    )
    TrustDomain = text_like(
        rf"({_LABEL}\.)*{_LABEL}",
        "must be a trust domain: lower-case letters, digits, '-' and '.', such as cluster.local; a '*' would let every "
        "trust domain in",
        longest=253,
        examples=["cluster.local"],
    )
    OriginUrl = text_like(
        rf"https?://({_LABEL}\.)*{_LABEL}(:[0-9]{{1,5}})?",
        "must be an origin: scheme, lower-case host and optional port, without a path, such as https://chatgpt.com",
        longest=300,
        examples=["https://chatgpt.com"],
        further=authority_refusal,
    )
    HttpsUrl = text_like(
        r"https://[!-~]+",
        "must be an https URL",
        longest=2000,
        examples=["https://auth.example.com"],
        further=lambda url: (
            "must be an https URL, without '#', quotes and backslashes"
            if re.search(r"[#\"\\]", url)
            else authority_refusal(url)
        ),
    )
    HttpPath = text_like(
        r"/[A-Za-z0-9._~!$&'()+,=:@/-]*",
        "must be a path that starts with '/', in the characters of RFC 3986 without '%', ';', '*', '?' and '#'",
        longest=1000,
        examples=["/mcp"],
        further=_path_refusal,
    )
    HeaderName = text_like(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        "must be a header name in lower case: letters, digits and '-' (gateways refuse '_')",
        longest=100,
        examples=["x-canary-user"],
    )

PortNumber = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port, 1 to 65535."""

Count = Annotated[int, Field(le=2**31 - 1)]
"""A number that Istio and Kubernetes keep in 32 bits."""

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
"""A share of 100; fractions are allowed (0.5 is one in two hundred)."""


def whole_percent(value: float) -> bool:
    """Istio's route weights are whole numbers, so a share of traffic has no fraction."""
    return math.isclose(value, round(value))
