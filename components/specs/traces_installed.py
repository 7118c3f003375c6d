"""Mistakes on the way of a span: from a proxy to this stack's collector, and from there to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs import collector
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.telemetry import TelemetrySpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.components.specs.collector import CollectorSpec
    from chatgpt_mesh.components.specs.observability import ObservabilitySpec
    from chatgpt_mesh.mesh.specs.telemetry_providers import BackendSpec


def problems(read: Mapping[str, Any]) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name."""
    spec: ObservabilitySpec | None = read.get("observability")
    if spec is None:
        return
    yield from _destinations(spec)
    telemetry: TelemetrySpec = read.get("telemetry") or TelemetrySpec()
    for name, backend in telemetry.providers.items():
        yield from _provider(f"telemetry.providers.{name}", backend, spec)


def _destinations(spec: ObservabilitySpec) -> Iterator[Problem]:
    sender, store = spec.collector, spec.traces
    if store is not None and sender is None:
        yield Problem(
            "observability.traces",
            "gets no spans, since it takes those of observability.collector alone; declare that too, or remove this",
        )
    if sender is None:
        return
    if sender.endpoint is None and store is None:
        yield Problem(
            "observability.collector.endpoint",
            "is required: where spans go, such as https://otlp.example.com:4317; or declare observability.traces, and "
            "this stack installs a store",
        )
    if sender.endpoint is not None and store is not None:
        yield Problem(
            "observability.collector.endpoint",
            "takes all spans, so that observability.traces gets none; remove one of them",
            sender.endpoint,
        )
    if sender.resources.memory_limit is None:
        yield Problem(
            "observability.collector.resources.memory_limit",
            "is required: the collector refuses spans at four fifths of it, and without would fill the node",
        )


def _provider(path: str, backend: BackendSpec, spec: ObservabilitySpec) -> Iterator[Problem]:
    """A provider in a namespace that this stack fills: what it names has to be there."""
    service, otlp, zipkin = backend.service, backend.otlp, backend.zipkin
    if service is None or (otlp is None) == (zipkin is None):
        return
    kind = "zipkin" if otlp is None else "otlp"
    _, _, home = service.partition(".")
    home = home.split(".")[0]
    if spec.traces is not None and home == spec.traces.namespace:
        sent = "observability.collector" if spec.collector is None else spec.collector.service
        yield Problem(
            f"{path}.{kind}.service",
            f"is in the namespace of observability.traces, which lets the collector in and no proxy; send to {sent}",
            service,
        )
    if spec.collector is None or home != spec.collector.namespace:
        return
    if service != spec.collector.service:
        yield Problem(
            f"{path}.{kind}.service",
            f"must be {spec.collector.service}: no other Service is in the namespace of observability.collector",
            service,
        )
        return
    yield from _port(f"{path}.{kind}", backend, spec.collector)


def _port(path: str, backend: BackendSpec, spec: CollectorSpec) -> Iterator[Problem]:
    """The port at which the collector takes what is sent, and the setting that opens it."""
    if backend.zipkin is not None:
        given, port, what = backend.zipkin.port, collector.ZIPKIN_PORT, "Zipkin's JSON"
        opened, setting = spec.zipkin, "zipkin"
    elif backend.otlp is not None and backend.otlp.http_path is not None:
        given, port, what = backend.otlp.port, collector.HTTP_PORT, "OTLP over HTTP"
        opened, setting = spec.http, "http"
        if backend.otlp.http_path != collector.HTTP_PATH:
            yield Problem(
                f"{path}.http_path",
                f"must be {collector.HTTP_PATH}, the only path at which observability.collector takes spans",
                backend.otlp.http_path,
            )
    elif backend.otlp is not None:
        given, port, what = backend.otlp.port, collector.GRPC_PORT, "OTLP over gRPC"
        opened, setting = True, ""
    else:
        return
    if given != port:
        yield Problem(f"{path}.port", f"must be {port}, at which observability.collector takes {what}", given)
    if not opened:
        yield Problem(
            f"observability.collector.{setting}",
            f"is false, so that nothing takes the spans of {path}; set it to true",
            False,
        )
