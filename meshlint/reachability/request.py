"""One request, as the reachability of a mesh asks about it, and the answer to it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERNET = "internet"
"""A client outside the mesh: it comes in through a gateway, and no certificate says who it is."""

PLAINTEXT = "plaintext"
"""A client inside the cluster without a sidecar: it reaches pods directly, without mTLS."""


_SOME_DAY = 4_102_444_800
"""Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token in the Authorization header.

    `genuine` says that its signature and its dates are good; who may have issued it is for the mesh to decide. It ends
    some day, unless its claims say `exp: None`.
    """

    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])
    genuine: bool = True

    @property
    def issuer(self) -> str:
        return str(self.claims.get("iss", ""))

    @property
    def subject(self) -> str:
        return str(self.claims.get("sub", ""))

    @property
    def audiences(self) -> tuple[str, ...]:
        given = self.claims.get("aud", ())
        return (given,) if isinstance(given, str) else tuple(map(str, given))

    def in_header(self, claim: str) -> str | None:
        """A claim as a proxy writes it into a header of its own: text and numbers as they are, lists and objects as
        JSON in base64; None where the token has none."""
        value = {"exp": _SOME_DAY, **self.claims}.get(claim)
        if value is None or isinstance(value, str):
            return value
        written = json.dumps(value, separators=(",", ":"))
        return base64.b64encode(written.encode()).decode() if isinstance(value, dict | list | tuple) else written


@dataclass(frozen=True, slots=True)
class Request:
    """`caller` is `internet`, `plaintext`, or NAMESPACE/SERVICEACCOUNT of a workload in the mesh."""

    caller: str
    host: str
    path: str = "/"
    method: str = "GET"
    port: int = 443
    """Port that the client connects to: of the gateway for `internet`, of the Service otherwise."""
    token: Token | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further headers, with names in lower case."""
    call: str = "ping"
    """What the JSON-RPC message in the body of a POST calls, where something reads it: its method, for a tool
    `tools/call NAME`; empty: a body that cannot be read."""
    gateway: str = ""
    """NAMESPACE/NAME of the gateway's pods that the client connects to; empty: for `internet` any that serves the host,
    for a caller inside the way of its own routes."""
    client_certificate: bool = False
    """Whether an `internet` client shows a certificate that a gateway with mutual TLS takes."""

    def __str__(self) -> str:
        token = "" if self.token is None else f" with a token of {self.token.issuer or 'nobody'}"
        return f"{self.method} {self.host}{self.path} from {self.caller}{token}"


class Outcome(StrEnum):
    ALLOWED = "allowed"
    """It reaches the app, or the gateway answers it itself with what it asked for."""
    DENIED = "denied"
    CHALLENGED = "challenged"
    """401: a client that has a token may try again with it."""
    REDIRECTED = "redirected"


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the requests that take a weighted route, or a route to a subset."""

    host: str
    subset: str
    percent: int
    pods: tuple[tuple[str, str], ...] = ()
    """The labels that the subset's pods have."""

    @property
    def name(self) -> str:
        return self.subset or self.host.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a request. `by` is KIND/NAMESPACE/NAME of the object that decides, `why` half a sentence."""

    outcome: Outcome
    status: int
    """HTTP status of the mesh's own answer; 200 where the app answers; 0 where no connection comes up."""
    by: str
    why: str
    destination: str = ""
    """Host of the Service that the request is sent to; empty where the mesh answers itself."""
    shares: tuple[Share, ...] = ()
    """Which part of such requests goes where, as the route that took it says."""

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status and self.outcome is not Outcome.ALLOWED else ""
        return f"{self.outcome}{status} by {self.by}: {self.why}"
