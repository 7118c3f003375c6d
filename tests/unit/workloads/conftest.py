from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp

from lab.workloads.mcp_server import build_app
from lab.workloads.recorded import Identity
from lab.workloads.recorder import Recorder
from lab.workloads.tokens import Keys, ensure_keys


@contextmanager
def served(build: Callable[[str], ASGIApp]) -> Iterator[str]:
    """An app on a free loopback port, built for the base URL that it gets."""
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(build(base), log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield base
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def mcp_pod(recorder: Recorder) -> Iterator[Callable[..., str]]:
    """Starts a pod's application on loopback: `mcp_pod("v2", sessions=True)` gives its base URL."""
    with ExitStack() as stack:

        def start(version: str = "v1", *, sessions: bool = False) -> str:
            identity = Identity("chatgpt-mcp", version, f"chatgpt-mcp-{version}-0", "chatgpt-production")
            return stack.enter_context(served(lambda _: build_app(identity, recorder, sessions=sessions)))

        yield start


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    directory: Path = tmp_path_factory.mktemp("issuer")
    return ensure_keys(directory)
