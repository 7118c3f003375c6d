"""One attempt: a request that is right in everything but one thing, so that one guard alone can hold it."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization

from lab.workloads.tokens import KEY_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.workloads.tokens import Keys

HOST = "chatgpt-mcp.example.com"
RESOURCE = f"https://{HOST}/mcp"
ISSUER = "https://auth.example.com"
TOOL, PUBLIC_TOOL = "execute_sql", "whoami"
USE, EXECUTE = "mesh.use", "tools.execute"
ROLE = "user"
BANNED = "banned-user-123"
ORIGIN = "https://chatgpt.com"


def message(name: object = TOOL, method: object = "tools/call", **further: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": {"statement": "select 1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **further}


def text(name: object = TOOL, method: object = "tools/call", **further: Any) -> str:
    return json.dumps(message(name, method, **further))


CALL = text().encode()
LARGEST_FRAME = 16_384


@functools.cache
def _key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, password=None)


@dataclass(frozen=True)
class Forge:
    """Makes tokens with the issuer's key, and without it."""

    keys: Keys
    now: int = field(default_factory=lambda: int(time.time()))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a token that may do everything; None takes one away."""
        good = {
            "iss": ISSUER,
            "aud": RESOURCE,
            "sub": "somebody",
            "iat": self.now,
            "exp": self.now + 3600,
            "scope": f"{USE} {EXECUTE}",
            "role": ROLE,
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def good(self, **changes: Any) -> str:
        return self.forged({"kid": KEY_ID}, self.keys.private, "RS256", **changes)

    def forged(self, header: Mapping[str, Any], key: Any, algorithm: str, **changes: Any) -> str:
        """Of any claims: what makes tokens elsewhere refuses some before a gateway could."""
        payload = json.dumps(self.claims(**changes)).encode()
        read = _key(key) if isinstance(key, bytes) else key
        return jwt.PyJWS().encode(payload, read, algorithm=algorithm, headers=dict(header))


def good(forge: Forge) -> str:
    return forge.good()


def without_the_tools_scope(forge: Forge) -> str:
    return forge.good(scope=USE)


class Attempt(NamedTuple):
    """`headers` stand in place of those of the same name that every request has."""

    name: str
    method: str = "POST"
    target: str = "/mcp"
    headers: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    body: bytes = CALL
    token: Callable[[Forge], str] | None = good
    version: str = "HTTP/1.1"
    http2: tuple[tuple[str, str], ...] = ()
    """Headers of a request over HTTP/2, pseudo-headers included, as they are; then it is sent over nothing else."""

    @property
    def transports(self) -> tuple[str, ...]:
        if self.http2:
            return ("h2",)
        coded = any(name.lower() in {"transfer-encoding", "content-length"} for name, _ in self.headers)
        return ("h1",) if coded or self.version != "HTTP/1.1" or len(self.body) > LARGEST_FRAME else ("h1", "h2")


class Sent(NamedTuple):
    """A request as it goes over a connection."""

    version: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


WIRES: Mapping[str, Mapping[str, str]] = {
    "legacy": {"mcp-protocol-version": "2025-06-18"},
    "modern": {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": TOOL},
}
"""What each era of the protocol adds to a call of the guarded tool."""


def rendered(attempt: Attempt, wire: str, forge: Forge, **marks: str) -> Sent:
    standard = {
        "host": HOST,
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        **({} if attempt.token is None else {"authorization": f"Bearer {attempt.token(forge)}"}),
        **WIRES[wire],
    }
    if attempt.token is None:
        attempt = _carrying(attempt, forge.good())
    own = {name.lower() for name, _ in attempt.headers} | set(attempt.left_out)
    kept = [(name, value) for name, value in standard.items() if name not in own]
    if attempt.body and not own & {"content-length", "transfer-encoding"}:
        kept.append(("content-length", str(len(attempt.body))))
    if attempt.http2:
        kept = [*attempt.http2, *(one for one in kept if one[0] == "authorization")]
    headers = (*kept, *attempt.headers, *marks.items())
    return Sent(attempt.version, attempt.method, attempt.target, headers, attempt.body)


def _carrying(attempt: Attempt, token: str) -> Attempt:
    """With the token where the attempt says TOKEN."""
    headers = tuple((name, value.replace("TOKEN", token)) for name, value in attempt.headers)
    body = attempt.body.replace(b"TOKEN", token.encode())
    return attempt._replace(target=attempt.target.replace("TOKEN", token), headers=headers, body=body)
