"""The receiver of traces over its real wires, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from lab.workloads.request import Reply, Request, send
from lab.workloads.trace_headers import handed_on
from lab.workloads.trace_receiver import (
    OTLP_PATH,
    ZIPKIN_PATH,
    ControlHandler,
    Handler,
    OtlpHandler,
    Received,
    Wire,
    ZipkinHandler,
    grpc_server,
    http_server,
)

pytestmark = pytest.mark.unit

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def request_of_one_span() -> trace_service_pb2.ExportTraceServiceRequest:
    request = trace_service_pb2.ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    name = of_resource.resource.attributes.add(key="service.name")
    name.value.string_value = "weather.weather"
    span = of_resource.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), parent_span_id=bytes.fromhex(PARENT), name="GET"
    )
    span.attributes.add(key="http.status_code").value.int_value = 200
    return request


@contextmanager
def serving(kind: type[Handler], received: Received) -> Iterator[str]:
    server = http_server(kind, received, ("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def post(url: str, body: bytes) -> Reply:
    return send(Request(url=url, method="POST", body=body))


def test_otlp_over_grpc() -> None:
    received = Received()
    server, port = grpc_server(received, "127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            trace_service_pb2_grpc.TraceServiceStub(channel).Export(request_of_one_span(), timeout=5)
    finally:
        server.stop(0)
    (span,) = received.spans
    assert (span.wire, span.service, span.name) == (Wire.OTLP_GRPC, "weather.weather", "GET")
    assert (span.trace, span.span, span.parent) == (TRACE, SPAN, PARENT)
    assert span.tags == {"http.status_code": "200"}


def test_otlp_over_http_and_what_is_none() -> None:
    received = Received()
    with serving(OtlpHandler, received) as url:
        assert post(f"{url}{OTLP_PATH}", request_of_one_span().SerializeToString()).status == 200
        assert post(f"{url}{OTLP_PATH}", b"\xff").status == 400
        assert post(f"{url}/v1/logs", b"").status == 404
    assert [span.wire for span in received.spans] == [Wire.OTLP_HTTP]


def test_zipkin_and_the_control_port() -> None:
    received = Received()
    sent = {"traceId": TRACE, "id": SPAN, "name": "get", "tags": {"http.method": "GET"}}
    with ExitStack() as stack:
        zipkin, control = (stack.enter_context(serving(kind, received)) for kind in (ZipkinHandler, ControlHandler))
        assert post(f"{zipkin}{ZIPKIN_PATH}", json.dumps([sent]).encode()).status == 200
        assert post(f"{zipkin}{ZIPKIN_PATH}", b"{}").status == 200, "no span is no mistake"
        assert post(f"{zipkin}{ZIPKIN_PATH}", b"[1]").status == 400
        (kept,) = send(Request(url=f"{control}/spans")).json()
        assert (kept["wire"], kept["trace"], kept["parent"], kept["tags"]) == ("zipkin", TRACE, "", sent["tags"])
        assert send(Request(url=f"{control}/spans", method="DELETE")).status == 204
        assert send(Request(url=f"{control}/spans")).json() == []


def test_a_body_may_come_in_chunks() -> None:
    received = Received()
    body = json.dumps([{"traceId": TRACE, "id": SPAN}]).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:], b""))
    with serving(ZipkinHandler, received) as url:
        headers = {"transfer-encoding": "chunked"}
        sent = Request(url=f"{url}{ZIPKIN_PATH}", method="POST", headers=headers, body=chunks)
        assert send(sent).status == 200
    assert [span.span for span in received.spans] == [SPAN]


def test_an_app_hands_on_what_joins_spans_and_nothing_else() -> None:
    headers = {"Traceparent": "00-a-b-01", "X-Request-Id": "1", "authorization": "Bearer x", "cookie": "c"}
    assert handed_on(headers) == {"traceparent": "00-a-b-01", "x-request-id": "1"}
