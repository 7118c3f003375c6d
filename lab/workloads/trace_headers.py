"""What an app hands on from a request to the calls that it makes for it, so that their spans join one trace.

A proxy sees requests and not what belongs together inside an app:
https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/. Real apps leave this to OpenTelemetry's
propagators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HANDED_ON = (
    *("traceparent", "tracestate"),
    *("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"),
    "x-request-id",
)
"""W3C Trace Context, Zipkin's B3, and the id by which access logs find a request again."""


def handed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that a request has, with names in lower case."""
    given = {name.lower(): value for name, value in headers.items()}
    return {name: given[name] for name in HANDED_ON if name in given}
