"""What every declaration has in common: a frozen, strict model, and the scalars of a stack file.

A stack file is YAML 1.2, which has no dates, no `on`/`off` booleans and no numbers with underscores: types are taken as
YAML gives them and never converted, so `port: "8080"` is a mistake and not a port.
"""

from __future__ import annotations

import ipaddress
import math
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Strict(False)]
"""A YAML list. Only the list itself is taken loosely (YAML has no tuples); what is in it stays strict."""


class Spec(BaseModel):
    """A part of a declaration: frozen, with no field beyond its own, every value of the type it is declared with."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _refuse(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]{1,3})?)(?P<unit>ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refuse('must be a duration such as "600s", "250ms", "10m" or "24h"')
    span = timedelta(seconds=float(match["amount"]) * _SECONDS[match["unit"]])
    if span < timedelta(milliseconds=1):
        raise _refuse('must be at least "1ms", the shortest duration that Istio takes')
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


def _date(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise _refuse('must be a date in quotes such as "2027-01-31"')


Date = Annotated[
    date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-01-31"]})
]
"""A calendar day, in quotes: `"2027-01-31"`."""


def _network(value: object) -> str:
    try:
        if isinstance(value, str):
            return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    raise _refuse('must be a network such as "10.8.0.0/20", with no bits set beyond its prefix')


Cidr = Annotated[str, BeforeValidator(_network), WithJsonSchema({"type": "string", "examples": ["10.8.0.0/20"]})]
"""A network in CIDR notation."""


def _text(pattern: str, sentence: str, *, longest: int, examples: list[str]) -> Any:
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or compiled.fullmatch(value) is None:
            raise _refuse(sentence)
        return value

    return Annotated[
        str,
        BeforeValidator(check),
        WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": longest, "examples": examples}),
    ]


if TYPE_CHECKING:
    DnsLabel = str
    Hostname = str
    WildcardHost = str
    OriginUrl = str
    HttpsUrl = str
    HttpPath = str
    HeaderName = str
    Token = str
else:
    DnsLabel = _text(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a DNS label: lower-case letters, digits and '-', at most 63, starting and ending with a "
        "letter or digit",
        longest=63,
        examples=["chatgpt-mcp"],
    )
    Hostname = _text(
        r"([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a full host name in lower case, without scheme, port or '*', such as chatgpt-mcp.example.com",
        longest=253,
        examples=["chatgpt-mcp.example.com"],
    )
    WildcardHost = _text(
        r"(\*\.)?([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a host name in lower case or one wildcard label in front of it, such as *.example.com",
        longest=253,
        examples=["*.example.com"],
    )
    OriginUrl = _text(
        r"https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?",
        "must be an origin: scheme, lower-case host and optional port, without a path, such as https://chatgpt.com",
        longest=300,
        examples=["https://chatgpt.com"],
    )
    HttpsUrl = _text(
        r"https://[^\s/?#\"\\]+([/?][^\s\"\\]*)?",
        "must be an https URL",
        longest=2000,
        examples=["https://auth.example.com"],
    )
    HttpPath = _text(
        r"/[A-Za-z0-9._~!$&'()+,=:@/-]*",
        "must be a path that starts with '/', in the characters of RFC 3986 without '%', ';', '*', '?' and '#'",
        longest=1000,
        examples=["/mcp"],
    )
    HeaderName = _text(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        "must be a header name in lower case: letters, digits and '-' (gateways refuse '_')",
        longest=100,
        examples=["x-canary-user"],
    )
    Token = _text(
        r"[^\s\"\\,\x00-\x1f\x7f]+",
        "must be one word, without spaces, quotes, commas and backslashes",
        longest=200,
        examples=["chatgpt.tools.execute"],
    )

PortNumber = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port, 1 to 65535."""

Percent = Annotated[float, Field(ge=0, le=100)]
"""A share of 100; fractions are allowed (0.5 is one in two hundred)."""

Labels = dict[str, str]
"""Kubernetes labels, key to value."""


def whole_percent(value: float) -> bool:
    """Istio's route weights are whole numbers, so a share of traffic has no fraction."""
    return math.isclose(value, round(value))
