"""What a feature answers, asked of the declaration and of what is written by hand before either is measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lab.workloads.request import send
from lab.workloads.tokens import Sort
from tests.benchmarks.data_path.load import tools_call
from tests.lab.running_lab import JSON_RPC_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from lab.workloads.request import Reply, Request

_TOLD = ("www-authenticate", "access-control-allow-origin", "x-ratelimit-limit", "mcp-session-id")
"""Headers that an answer has or has not; what stands in them names the host."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that differs from the measured one in this, and the status that it has to get."""

    what: str
    status: int
    headers: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """None: not sent."""
    body: str | None = None
    method: str = "POST"
    path: str = "/mcp"


def _bearer(token: str) -> dict[str, str | None]:
    return {"authorization": f"Bearer {token}"}


def probes(feature: str, token: Callable[..., str]) -> Iterator[Probe]:
    """Requests that this feature answers otherwise than a gateway without it. `token` mints one for the host, of a sort
    and with claims."""
    match feature:
        case "tokens, and what they decide":
            yield Probe("no token", 401, {"authorization": None})
            yield Probe("a token that is over", 401, _bearer(token(Sort.EXPIRED)))
            yield Probe("a token for another host", 401, _bearer(token(audience="https://other.example.com/mcp")))
            yield Probe("a token of another key", 401, _bearer(token(Sort.FOREIGN_KEY)))
            yield Probe("a token of nobody", 401, _bearer(token(Sort.NO_SUBJECT)))
            yield Probe("a token without an end", 401, _bearer(token(Sort.NO_EXPIRY)))
        case "tools by scope":
            lacking = _bearer(token(scopes=["something.else"]))
            yield Probe("a guarded tool without its scope", 403, lacking, tools_call("execute_sql"))
            yield Probe("another tool without that scope", 200, lacking)
            yield Probe("a guarded tool with its scope", 200, body=tools_call("execute_sql"))
            yield Probe("a body with two readings", 400, body=tools_call("whoami").replace('"id"', '"method"', 1))
        case "origins (CORS)":
            yield Probe("a page of a known origin", 200, {"origin": "https://chatgpt.com"})
        case "sessions":
            yield Probe("a session of a pod that is gone", 404, {"mcp-session-id": "one~v1~10.255.255.1:8080"})
        case _:
            pass


def always() -> Iterator[Probe]:
    """What every app answers, whatever is declared of it."""
    yield Probe("the measured call", 200)
    yield Probe("a method that MCP has not", 405, method="PUT")
    yield Probe("a path that the app has not", 404, path="/admin")
    yield Probe("a header that a server may read as another", 400, {"x_forwarded_host": "evil.example"})
    yield Probe("a page of nobody's", 403, {"origin": "https://evil.example"})


def differences(one: Request, other: Request, features: Collection[str], token: Callable[..., str]) -> list[str]:
    """What the two answer differently, or otherwise than they have to."""
    found: list[str] = []
    asked = [*always(), *(probe for feature in features for probe in probes(feature, token))]
    for probe in asked:
        replies = [send(_asking(request, probe)) for request in (one, other)]
        if _told(replies[0]) != _told(replies[1]) or replies[0].status != probe.status:
            found.append(f"{probe.what}: {' and '.join(map(str, map(_told, replies)))}, and {probe.status} is wanted")
    return found


def _asking(request: Request, probe: Probe) -> Request:
    headers = {**JSON_RPC_HEADERS, **request.headers, **probe.headers}
    sent = {name: value for name, value in headers.items() if value is not None}
    body = request.body if probe.body is None else probe.body
    url = request.url.removesuffix("/mcp") + probe.path
    return replace(request, url=url, method=probe.method, headers=sent, body=body)


def _told(reply: Reply) -> tuple[int, tuple[str, ...]]:
    # Whether a refusal counts for a limit is not what is compared.
    told = _TOLD if reply.status == 200 else (name for name in _TOLD if name != "x-ratelimit-limit")
    return reply.status, tuple(name for name in told if reply.header(name))
