"""An application whose requests are recorded and whose answers name the pod, whatever the application is.

It knows nothing of MCP: the official package takes seconds to load, and most workloads need none of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, cast

from starlette.responses import PlainTextResponse

from lab.workloads.recorder import ANSWER_HEADER, Answer, Recorder, seen

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this pod is; every answer carries it."""

    app: str
    version: str
    pod: str
    namespace: str

    @classmethod
    def from_environment(cls) -> Identity:
        return cls(
            app=os.environ.get("APP_NAME", "chatgpt-mcp"),
            version=os.environ.get("APP_VERSION", "v1"),
            pod=os.environ.get("POD_NAME", os.uname().nodename),
            namespace=os.environ.get("POD_NAMESPACE", "default"),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Records each request, names the pod in each answer, and breaks the answer where that was asked for."""

    app: ASGIApp
    identity: Identity
    recorder: Recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = seen(dict(scope))
        wanted = request.headers.get(ANSWER_HEADER, self.recorder.answer)
        answer = Answer(wanted) if wanted in set(Answer) else Answer.GIVEN

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                if not request.headers.get("user-agent", "").startswith("kube-probe/"):
                    self.recorder.saw(replace(request, status=message["status"]))
                self.recorder.answered(request.method, message["status"])
                message = {**message, "headers": [*message["headers"], *self._identity_headers()]}
            await send(message)

        match answer:
            case Answer.GIVEN:
                await self.app(scope, receive, named)
            case Answer.UNAVAILABLE:
                await self.app(scope, receive, _discard)
                await PlainTextResponse("no answer today\n", status_code=503)(scope, receive, named)
            case Answer.RESET:
                self.recorder.saw(request)
                await self.app(scope, receive, _discard)
                _reset_connection(send)

    def _identity_headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"x-served-by", self.identity.pod.encode()), (b"x-app-version", self.identity.version.encode())]


async def _discard(_: Message) -> None:
    pass


class _Cycle(Protocol):
    transport: asyncio.Transport


class _SendOfCycle(Protocol):
    __self__: _Cycle


def _reset_connection(send: Callable[[Message], Awaitable[None]]) -> None:
    """End the client's connection without an answer.

    ASGI has no word for this: uvicorn's `send` is a method of the request's cycle, which holds the transport.
    """
    cast("_SendOfCycle", send).__self__.transport.abort()
