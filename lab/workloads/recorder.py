"""What one pod saw and did, so that a test can ask how often a call ran and whether a request arrived at all.

The recorder is served on 127.0.0.1 inside the pod only: it is asked through the API server's port-forward and is no
part of the mesh.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.workloads.request import carry_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

TEST_ID_HEADER = "x-test-id"
"""A test marks its requests with this header and later asks the pods for them by the same value."""

ANSWER_HEADER = "x-answer"
"""A request may ask for a broken answer: one of `Answer`. The call itself is carried out first."""

_KEPT_REQUESTS = 20_000


class Answer(StrEnum):
    """What becomes of the answer once the request has been carried out."""

    GIVEN = "given"
    UNAVAILABLE = "503"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as the application received it."""

    at: float
    method: str
    path: str
    query: str
    host: str
    test_id: str
    headers: dict[str, str]
    status: int | None = None


@dataclass(slots=True)
class Recorder:
    """Requests seen and tools executed by this process, and how it answers from now on."""

    answer: Answer = Answer.GIVEN
    requests: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=_KEPT_REQUESTS))
    executions: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])

    def saw(self, request: SeenRequest) -> None:
        self.requests.append(request)

    def executed(self, tool: str, call_id: str) -> None:
        """Count one run of `tool`; `call_id` is the caller's own name for the call, empty if it has none."""
        self.executions[tool] += 1
        if call_id:
            self.calls[call_id] += 1

    def answered(self, method: str, status: int) -> None:
        self.statuses[method, status] += 1

    def matching(self, test_id: str) -> list[SeenRequest]:
        return [request for request in self.requests if not test_id or request.test_id == test_id]

    def exposition(self) -> str:
        """The counters in Prometheus' text format."""
        return "\n".join(self._samples()) + "\n"

    def _samples(self) -> Iterator[str]:
        yield "# HELP mcp_tool_executions_total Runs of a tool, whatever became of the answer."
        yield "# TYPE mcp_tool_executions_total counter"
        for tool, count in sorted(self.executions.items()):
            yield f'mcp_tool_executions_total{{tool="{tool}"}} {count}'
        yield "# HELP http_requests_total Requests answered by the application."
        yield "# TYPE http_requests_total counter"
        for (method, status), count in sorted(self.statuses.items()):
            yield f'http_requests_total{{method="{method}",status="{status}"}} {count}'


def metrics_app(recorder: Recorder) -> Starlette:
    async def metrics(_: Request) -> Response:
        return PlainTextResponse(recorder.exposition(), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/metrics", metrics)])


def control_app(recorder: Recorder) -> Starlette:
    """What a test may ask of the pod.

    `GET /requests?test_id=`, `DELETE /requests`, `GET /calls?call_id=`, `PUT /answer {"answer": ANSWER}`, and
    `POST /send`, which sends requests as the pod's identity (see `caller`).
    """

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            recorder.requests.clear()
            return Response(status_code=204)
        return JSONResponse([asdict(seen) for seen in recorder.matching(request.query_params.get("test_id", ""))])

    async def calls(request: Request) -> Response:
        call_id = request.query_params.get("call_id", "")
        return JSONResponse({"call_id": call_id, "executions": recorder.calls[call_id]})

    async def answer(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        try:
            recorder.answer = Answer(body["answer"])
        except (KeyError, ValueError):
            allowed = ", ".join(answer.value for answer in Answer)
            return PlainTextResponse(f"answer: one of {allowed}\n", status_code=400)
        return JSONResponse({"answer": recorder.answer})

    async def send(request: Request) -> Response:
        order = (await request.body()).decode()
        return Response(await run_in_threadpool(carry_out, order), media_type="application/json")

    return Starlette(
        routes=[
            Route("/send", send, methods=["POST"]),
            Route("/requests", requests, methods=["GET", "DELETE"]),
            Route("/calls", calls),
            Route("/answer", answer, methods=["PUT"]),
        ]
    )


def seen(scope: dict[str, Any]) -> SeenRequest:
    """The request in an ASGI scope."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if "authorization" in headers:
        headers["authorization"] = headers["authorization"].partition(" ")[0] + " [redacted]"
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return SeenRequest(
        at=time.time(),
        method=scope["method"],
        path=raw_path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        host=headers.get("host", ""),
        test_id=headers.get(TEST_ID_HEADER, ""),
        headers=headers,
    )
