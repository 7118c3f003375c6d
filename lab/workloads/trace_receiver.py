"""A receiver of traces that keeps what it gets: `python -m lab.workloads.trace_receiver`.

| port | takes |
|---|---|
| 4317 | OTLP over gRPC |
| 4318 | OTLP over HTTP, `POST /v1/traces` in protobuf |
| 9411 | Zipkin's JSON, version 2, `POST /api/v2/spans` |
| 127.0.0.1:9092 | `GET /spans`: all as JSON; `DELETE /spans` forgets them |

https://opentelemetry.io/docs/specs/otlp/, https://zipkin.io/zipkin-api/
"""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from lab.workloads.caller import CONTROL_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

GRPC_PORT, HTTP_PORT, ZIPKIN_PORT = 4317, 4318, 9411
OTLP_PATH, ZIPKIN_PATH = "/v1/traces", "/api/v2/spans"


class Wire(StrEnum):
    """How a span came."""

    OTLP_GRPC = "otlp-grpc"
    OTLP_HTTP = "otlp-http"
    ZIPKIN = "zipkin"


@dataclass(frozen=True, slots=True)
class Span:
    """One span, whichever wire it came by. Ids are hexadecimal; a root's `parent` is empty."""

    wire: Wire
    service: str
    name: str
    trace: str
    span: str
    parent: str
    tags: dict[str, str]
    whole: str
    """The whole of what was received of it, as text."""


@dataclass(slots=True)
class Received:
    """What has arrived until now."""

    spans: list[Span] = field(default_factory=list[Span])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, spans: Iterable[Span]) -> None:
        with self._lock:
            self.spans.extend(spans)

    def forget(self) -> None:
        with self._lock:
            self.spans.clear()

    def text(self) -> str:
        with self._lock:
            return json.dumps([asdict(span) for span in self.spans])


def otlp_spans(request: trace_service_pb2.ExportTraceServiceRequest, wire: Wire) -> Iterator[Span]:
    """Spans of one OTLP request."""
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    wire=wire,
                    service=resource.get("service.name", ""),
                    name=span.name,
                    trace=span.trace_id.hex(),
                    span=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    tags=_attributes(span.attributes),
                    whole=f"{of_resource.resource} {span}",
                )


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {one.key: _text(one.value) for one in attributes}


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    return "" if kind is None else str(getattr(value, kind))


def zipkin_spans(body: bytes) -> Iterator[Span]:
    """Spans of one request in Zipkin's JSON."""
    for span in cast("list[dict[str, Any]]", json.loads(body)):
        yield Span(
            wire=Wire.ZIPKIN,
            service=span.get("localEndpoint", {}).get("serviceName", ""),
            name=span.get("name", ""),
            # Zipkin's ids may be short; W3C's never are.
            trace=span["traceId"].rjust(32, "0"),
            span=span["id"],
            parent=span.get("parentId", ""),
            tags=span.get("tags", {}),
            whole=json.dumps(span),
        )


class TraceService(trace_service_pb2_grpc.TraceServiceServicer):
    """OTLP over gRPC."""

    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(  # noqa: N802 - the method's name in OTLP
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        del context
        self._received.add(otlp_spans(request, Wire.OTLP_GRPC))
        return trace_service_pb2.ExportTraceServiceResponse()


class Handler(BaseHTTPRequestHandler):
    """One of the HTTP ports; answers 404 to every path but its own."""

    protocol_version = "HTTP/1.1"
    received: Received

    def do_POST(self) -> None:
        body = self._body()
        take = self.takes().get(self.path)
        if take is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        try:
            spans = list(take(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, f"{error}\n".encode())
            return
        self.received.add(spans)
        self._answer(HTTPStatus.OK)

    def _body(self) -> bytes:
        """By its length or in chunks (RFC 9112, section 7.1), as Envoy sends it."""
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", "0")))
        parts: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def takes(self) -> dict[str, Callable[[bytes], Iterable[Span]]]:
        """Path -> how a body there is read."""
        return {}

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class OtlpHandler(Handler):
    def takes(self) -> dict[str, Callable[[bytes], Iterable[Span]]]:
        return {OTLP_PATH: _over_http}


class ZipkinHandler(Handler):
    def takes(self) -> dict[str, Callable[[bytes], Iterable[Span]]]:
        return {ZIPKIN_PATH: zipkin_spans}


class ControlHandler(Handler):
    def do_GET(self) -> None:
        if self.path == "/spans":
            self._answer(HTTPStatus.OK, self.received.text().encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_DELETE(self) -> None:
        self.received.forget()
        self._answer(HTTPStatus.NO_CONTENT)


def _over_http(body: bytes) -> Iterator[Span]:
    try:
        request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
    except Exception as error:  # protobuf's own error differs by its implementation
        raise ValueError(f"no ExportTraceServiceRequest: {error}") from error
    return otlp_spans(request, Wire.OTLP_HTTP)


def http_server(kind: type[Handler], received: Received, address: tuple[str, int]) -> ThreadingHTTPServer:
    """A server of one of the HTTP ports; it is not running yet."""
    return ThreadingHTTPServer(address, type(kind.__name__, (kind,), {"received": received}))


def grpc_server(received: Received, address: str) -> tuple[grpc.Server, int]:
    """The server of OTLP over gRPC, which is not running yet, and its port."""
    server = grpc.server(ThreadPoolExecutor(4))
    # generated without types
    cast("Any", trace_service_pb2_grpc).add_TraceServiceServicer_to_server(TraceService(received), server)
    return server, server.add_insecure_port(address)


def main() -> None:
    received, ended = Received(), threading.Event()

    def end(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the form of a signal's handler
        ended.set()

    # The first process of a container ignores SIGTERM unless it says what to do about it.
    signal.signal(signal.SIGTERM, end)
    everywhere = "0.0.0.0"  # noqa: S104 - proxies call it by its pod's address
    for kind, address in (
        (OtlpHandler, (everywhere, HTTP_PORT)),
        (ZipkinHandler, (everywhere, ZIPKIN_PORT)),
        (ControlHandler, ("127.0.0.1", CONTROL_PORT)),
    ):
        server = http_server(kind, received, address)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    over_grpc, _ = grpc_server(received, f"{everywhere}:{GRPC_PORT}")
    over_grpc.start()
    ended.wait()
    over_grpc.stop(1)


if __name__ == "__main__":
    main()
