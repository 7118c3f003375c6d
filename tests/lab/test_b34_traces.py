"""B34: one request through the gateway and two apps is one trace at a real receiver, as declared."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt_mesh.mesh.objects.telemetry_providers import extension_providers
from chatgpt_mesh.mesh.specs.callers import CallerSpec
from chatgpt_mesh.mesh.specs.telemetry import AppTelemetrySpec, AppTracingSpec, TelemetrySpec
from chatgpt_mesh.mesh.specs.telemetry_providers import BackendSpec, OtlpSpec
from chatgpt_mesh.stack.settings import Settings
from lab.workloads.trace_receiver import HTTP_PORT, OTLP_PATH, Span, Wire
from tests.lab import mesh_config
from tests.lab.canaries import found_in, send_canaries
from tests.lab.running_lab import RunningLab, eventually, fails, new_id, tool_result
from tests.lab.test_b26_callers import call_from
from tests.lab.trace_receiver import ARRIVES_WITHIN, Receiver, receiving

MARK = "chatgpt.model"
"""A tag that staging and prod take from a header: it tells a test's traces from others."""

CLIENTS = "x-client-trace-id"
"""The header by which Envoy, as Istio sets it up, makes a trace at any percent."""

SPANS = 5
"""Two of the gateway and of the MCP app, which take a call and make one; one of the API."""

SENT_EVERY = 5.0
"""Seconds after which Envoy sends the spans that it has."""


@pytest.fixture(scope="module")
def receiver(lab: RunningLab) -> Iterator[Receiver]:
    """The receiver, and a mesh that samples everything and in which the MCP app may call the API."""
    with receiving(lab) as found, lab.declaring(traced(lab, 100)):
        yield found


@pytest.fixture(scope="module")
def joined(lab: RunningLab, receiver: Receiver) -> list[Span]:
    return check_joined(lab, receiver, Wire.OTLP_GRPC)


def traced(
    lab: RunningLab, percent: float, *, provider: str = "otel", of_apps: dict[str, float] | None = None
) -> Settings:
    """The deployed declaration with this sampling, of the mesh and of apps; the MCP app may call the API."""
    telemetry = lab.stack.telemetry
    assert telemetry.tracing is not None
    tracing = telemetry.tracing.model_copy(update={"sampling_percent": percent, "provider": provider})
    apps = {
        name: AppTelemetrySpec(tracing=AppTracingSpec(sampling_percent=share))
        for name, share in (of_apps or {}).items()
    }
    changed = telemetry.model_copy(update={"tracing": tracing, "apps": {**telemetry.apps, **apps}})
    api = lab.stack.apps["chatgpt-api"]
    called = api.model_copy(update={"callers": (*api.callers, CallerSpec(app="chatgpt-mcp"))})
    return lab.stack.model_copy(
        update={"telemetry": changed, "apps": {**lab.stack.apps, "chatgpt-api": called}},
    )


def call_through(lab: RunningLab, mark: str, **headers: str) -> None:
    """One tool call, for which the MCP app asks the API."""
    call = lab.call(tool="ask_api", headers={"x-chatgpt-model": mark, **headers})
    reply = lab.public.send(call.url, method=call.method, headers=call.headers, body=call.body)
    assert reply.status == 200, str(reply)
    result = tool_result(reply)
    assert not result.get("isError"), result


def chain(spans: list[Span]) -> list[Span]:
    """From the root on, each the parent of the next."""
    roots = [span for span in spans if not span.parent]
    assert len(roots) == 1, f"{len(roots)} traces begin: {spans}"
    found = roots
    while following := [span for span in spans if span.parent == found[-1].span]:
        assert len(following) == 1, following
        found.append(following[0])
    return found


def wait_for_wire(lab: RunningLab, receiver: Receiver, wire: Wire) -> None:
    """Until every proxy sends by it. A connection that was open before a change carries one more request as before, or
    is closed under a call."""
    silent = {"chatgpt-mcp", "chatgpt-api", lab.stack.gateways["public"].release_name}

    def all_send() -> bool:
        with contextlib.suppress(AssertionError):
            call_through(lab, new_id("first"))
        return silent <= {span.service.partition(".")[0] for span in receiver.spans() if span.wire == wire}

    eventually(all_send, within=ARRIVES_WITHIN + SENT_EVERY, what=f"every proxy sends by {wire}")


def check_joined(lab: RunningLab, receiver: Receiver, wire: Wire) -> list[Span]:
    mark = new_id("joined")
    call_through(lab, mark)
    spans = receiver.wait_for(lambda: receiver.trace_with(MARK, mark), SPANS)
    assert {span.wire for span in spans} == {wire}
    joined = chain(spans)
    assert len(joined) == len(spans) == SPANS, spans
    gateway = lab.stack.gateways["public"].release_name
    services = [span.service.partition(".")[0] for span in joined]
    assert services == [gateway, gateway, "chatgpt-mcp", "chatgpt-mcp", "chatgpt-api"]
    return joined


def test_one_request_is_one_trace(joined: list[Span]) -> None:
    assert len({span.trace for span in joined}) == 1


def test_every_span_has_the_declared_tags(lab: RunningLab, joined: list[Span]) -> None:
    assert lab.stack.telemetry.tracing is not None
    for name, tag in lab.stack.telemetry.tracing.tags.items():
        found = [span.tags.get(name) for span in joined]
        if tag.literal is not None:
            assert set(found) == {tag.literal}, name
        elif tag.formatter == "%RESPONSE_CODE%":
            assert set(found) == {"200"}, name
        elif name == MARK:
            # The app does not hand this header on.
            assert found[0] == found[1] == found[2] != tag.default
            assert found[3:] == [tag.default, tag.default]
        elif tag.default is not None:
            assert None not in found, name


def test_a_url_has_no_query_and_is_there(joined: list[Span], lab: RunningLab) -> None:
    assert joined[0].tags["http.url"] == lab.mcp_url


def test_zipkins_receiver_gets_the_same(lab: RunningLab, receiver: Receiver) -> None:
    with lab.declaring(traced(lab, 100, provider="jaeger"), over=traced(lab, 100)):
        wait_for_wire(lab, receiver, Wire.ZIPKIN)
        check_joined(lab, receiver, Wire.ZIPKIN)


def test_over_http_where_a_path_is_declared(lab: RunningLab, receiver: Receiver) -> None:
    """The program writes providers into the mesh configuration; here the one that it makes is put there."""
    otlp = OtlpSpec(service="otel-collector.observability.svc.cluster.local", port=HTTP_PORT, http_path=OTLP_PATH)
    made = extension_providers(TelemetrySpec(providers={"otel": BackendSpec(otlp=otlp)}))[0].to_dict()

    def over_http(mesh: dict[str, Any]) -> None:
        provider = mesh_config.provider(mesh, "otel")
        provider.clear()
        provider.update(made)

    with mesh_config.edited(lab, over_http):
        wait_for_wire(lab, receiver, Wire.OTLP_HTTP)
        check_joined(lab, receiver, Wire.OTLP_HTTP)


def test_the_percent_holds_whatever_a_client_asks_for_and_an_app_may_have_its_own(
    lab: RunningLab, receiver: Receiver
) -> None:
    forced = {
        "w3c": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        "b3": {"x-b3-traceid": "463ac35c9f6413ad", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-sampled": "1"},
        "a proxy's": {"x-envoy-force-trace": "true"},
        "Envoy's": {CLIENTS: new_id("client")},
        "nothing": {},
    }
    own = {"chatgpt-frontend": 100.0}
    with lab.declaring(traced(lab, 0, of_apps=own), over=traced(lab, 100)):
        marks = {what: new_id("sampled") for what in forced}
        for what, headers in forced.items():
            call_through(lab, marks[what], **headers)
        before = len(receiver.spans())
        ended = time.monotonic()
        assert call_from(lab, lab.namespace, "chatgpt-frontend").status == 200

        def of_frontend() -> list[Span]:
            new = receiver.spans()[before:]
            traces = {span.trace for span in new if span.service.startswith("chatgpt-frontend")}
            return [span for span in new if span.trace in traces]

        found = receiver.wait_for(of_frontend, 2)
        assert [span.service.partition(".")[0] for span in chain(found)] == ["chatgpt-frontend", "chatgpt-mcp"]
        time.sleep(max(0.0, ended + SENT_EVERY + 1 - time.monotonic()))
        assert not [what for what, mark in marks.items() if receiver.trace_with(MARK, mark)]


def test_it_is_the_gateway_that_does_not_hear_a_clients_wish(lab: RunningLab, receiver: Receiver) -> None:
    gateway = lab.stack.gateways["public"]

    def hear(filter_: dict[str, Any]) -> None:
        for patch in filter_["spec"]["configPatches"]:
            patch["patch"]["value"].get("typed_config", {}).pop("early_header_mutation_extensions", None)

    with (
        lab.declaring(traced(lab, 0), over=traced(lab, 100)),
        lab.objects.edited("EnvoyFilter", gateway.home, "public-http", hear),
    ):
        mark = new_id("heard")
        call_through(lab, mark, **{CLIENTS: new_id("client")})
        receiver.wait_for(lambda: receiver.trace_with(MARK, mark), 1)


def check_no_canary(lab: RunningLab, receiver: Receiver) -> None:
    mark = new_id("canaries")
    canaries = send_canaries(lab, mark)
    # Of the last request, whose path no app has, there is one span.
    receiver.wait_for(lambda: [s for s in receiver.trace_with(MARK, mark) if s.tags[MARK] == mark], 12)
    text = "\n".join(span.whole for span in receiver.spans())
    assert found_in(text, canaries) == []


def test_no_span_has_a_token_a_cookie_a_query_or_what_is_in_a_body(lab: RunningLab, receiver: Receiver) -> None:
    check_no_canary(lab, receiver)


def test_it_is_the_tag_of_the_url_that_leaves_the_query_out(lab: RunningLab, receiver: Receiver) -> None:
    def without_tag(telemetry: dict[str, Any]) -> None:
        del telemetry["spec"]["tracing"][0]["customTags"]["http.url"]

    with lab.objects.edited("Telemetry", "istio-system", "mesh-default", without_tag), fails():
        check_no_canary(lab, receiver)
