"""An app that answers every path and method with what arrived: `python -m lab.workloads.echo_server`.

APP_PORT says where it listens (8080 if it does not), APP_KEEP_ALIVE after how many seconds it closes an idle connection
(5, as uvicorn's own default); 127.0.0.1:9092 serves the recorder. So it stands for any app that
a stack may declare, and an answer of 200 says that nothing on the way refused the request.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse

from lab.workloads.caller import CONTROL_PORT
from lab.workloads.recorded import Identity, Recorded
from lab.workloads.recorder import Recorder, control_app

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def build_app(identity: Identity, recorder: Recorder) -> ASGIApp:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        request = Request(scope, receive)
        # A body that is left unread would end the connection of the proxy before this with a reset.
        await request.body()
        body = {"app": identity.app, "version": identity.version, "pod": identity.pod, "path": request.url.path}
        await JSONResponse(body)(scope, receive, send)

    return Recorded(echo, identity, recorder)


async def serve(identity: Identity, port: int, keep_alive_seconds: int) -> None:
    recorder = Recorder()
    servers = [
        # No lifespan: an echo has nothing to start or to end.
        uvicorn.Server(
            uvicorn.Config(
                app, host=host, port=at, log_level="warning", lifespan="off", timeout_keep_alive=keep_alive_seconds
            )
        )
        for app, host, at in (
            (build_app(identity, recorder), "0.0.0.0", port),  # noqa: S104
            (control_app(recorder), "127.0.0.1", CONTROL_PORT),
        )
    ]
    await asyncio.gather(*(server.serve() for server in servers))


def main() -> None:
    port, keep_alive_seconds = (int(os.environ.get(*one)) for one in (("APP_PORT", "8080"), ("APP_KEEP_ALIVE", "5")))
    asyncio.run(serve(Identity.from_environment(), port, keep_alive_seconds))


if __name__ == "__main__":
    main()
