"""Circuit breaking, pools and retries of one app:
https://istio.io/latest/docs/reference/config/networking/destination-rule/

A retry runs a request again, and a tool call that ran may have had its effect: only failures in which no request
reached the app are retried, unless the declaration says that repeating is safe.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Count, Duration, Many, Percent, Spec, within

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSENT_FAILURES = ("connect-failure", "refused-stream")
"""Failures in which the upstream has not begun the request, so that a retry is its first run."""


RetryCondition = Literal[
    "connect-failure",
    "refused-stream",
    "reset",
    "reset-before-request",
    "gateway-error",
    "5xx",
    "unavailable",
    "retriable-4xx",
]


class RetriesSpec(Spec):
    """When a failed request is tried again."""

    attempts: int = Field(default=2, ge=0, le=10)
    """Retries after the first try; 0 turns them off (Istio's default would be two, also of requests that ran)."""
    conditions: Many[RetryCondition] = ("connect-failure", "refused-stream")
    """Conditions. All but connect-failure and refused-stream may run a request twice and need `idempotent: true`."""
    idempotent: bool = False
    """Running the request twice does no harm. Never for tool calls."""
    per_try_timeout: Annotated[Duration, within("1ms", "24h")] | None = None
    """Limit of each try, for requests with a timeout; never on the MCP path."""


class RetryBudgetSpec(Spec):
    """A bound on retries in flight, so that a failing app is not stormed."""

    percent: Percent = 20
    """Retries in flight, in percent of the active requests."""
    min_concurrency: Count = Field(default=3, ge=0)
    """Retries that are always allowed."""


_PROBED = within("1s", "9h", "the kernel keeps whole seconds up to that")


class KeepaliveSpec(Spec):
    """TCP keepalive of the connections to the app."""

    time: Annotated[Duration, _PROBED]
    """Idle time before the first probe."""
    interval: Annotated[Duration, _PROBED]
    """Time between probes."""
    probes: int = Field(ge=1, le=100)
    """Unanswered probes after which the connection is dead."""


class PoolSpec(Spec):
    """Limits of each client proxy towards the app. They count per proxy, not in sum."""

    connect_timeout: Annotated[Duration, within("1ms", "1h")] = Field(default="3s", validate_default=True)
    """Limit of connecting to a pod."""
    connections: Count | None = Field(default=None, ge=1)
    """TCP connections at a time. Default: Istio's, practically unlimited."""
    open_streams: Count = Field(default=4096, ge=1)
    """Requests at a time, open event streams included, over HTTP/1.1 and HTTP/2. One more is answered 503."""
    pending: Count = Field(default=1024, ge=1)
    """Requests that may wait for a connection."""
    requests_per_connection: Count | None = Field(default=None, ge=1)
    """Requests after which a connection is closed. Default: never; closing costs a TLS handshake each time."""
    idle_timeout: Annotated[Duration, within("1s", "168h")] | None = Field(default="3s", validate_default=True)
    """Idle time after which a caller closes a connection without requests; null: Istio's, one hour. Short, since a
    connection from before a policy was edited carries one more request under the old one."""
    keepalive: KeepaliveSpec | None = None
    """TCP keepalive. Default: the kernel's."""
    http2: bool = False
    """Speak HTTP/2 to the app. Only for apps that speak it in clear text (h2c)."""


class OutlierSpec(Spec):
    """Ejection of pods that fail, one client proxy deciding for itself."""

    consecutive_gateway_errors: Count = Field(default=5, ge=0)
    """502, 503 and 504 in a row that eject a pod; 0 turns the count off."""
    consecutive_5xx: Count = Field(default=0, ge=0)
    """5xx of any kind in a row that eject a pod; 0 (default) turns the count off, as an app may answer 500 for one
    bad call."""
    interval: Annotated[Duration, within("100ms", "1h")] = Field(default="10s", validate_default=True)
    """Time between two looks."""
    base_ejection: Annotated[Duration, within("1s", "24h")] = Field(default="30s", validate_default=True)
    """First ejection; it grows with each further one."""
    max_ejected_percent: int = Field(default=50, ge=1, le=99)
    """Most pods that may be out at a time. Below 100, so that never all of them are."""
    min_health_percent: int | None = Field(default=None, ge=0, le=100)
    """Below this share of healthy pods ejection stops and traffic goes to all."""
    split_local_errors: bool = False
    """Count failures to connect apart from the app's own answers."""


class ResilienceSpec(Spec):
    """What happens when pods are slow, full or broken."""

    retries: RetriesSpec = RetriesSpec()
    """Retries on every route that says nothing else, the MCP path included."""
    retry_budget: RetryBudgetSpec | None = RetryBudgetSpec()
    """Bound on retries in flight."""
    pool: PoolSpec = PoolSpec()
    """Connection pools and circuit breakers."""
    outlier: OutlierSpec | None = OutlierSpec()
    """Ejection of failing pods; null turns it off."""


def longest(retries: RetriesSpec) -> timedelta:
    """Time of all tries together, as far as each of them has a limit."""
    return (retries.per_try_timeout or timedelta()) * (retries.attempts + 1)


def retry_problems(path: str, retries: RetriesSpec, *, mcp: bool, timeout: timedelta | None) -> Iterator[Problem]:
    """Retries that would repeat what must not be repeated, or take longer than the request may."""
    unsafe = [condition for condition in retries.conditions if condition not in UNSENT_FAILURES]
    if unsafe and (mcp or not retries.idempotent):
        mend = (
            "tool calls would run more than once; keep connect-failure and refused-stream"
            if mcp
            else "these conditions may run a request twice; set idempotent: true if that is safe, or keep "
            "connect-failure and refused-stream"
        )
        yield Problem(f"{path}.conditions", mend, ", ".join(unsafe))
    if retries.per_try_timeout is None:
        return
    if mcp:
        yield Problem(f"{path}.per_try_timeout", "the MCP path carries event streams and has no timeouts; remove it")
    elif timeout is not None and longest(retries) > timeout:
        yield Problem(
            f"{path}.per_try_timeout",
            f"1 try and {retries.attempts} retries take up to {longest(retries).total_seconds():g}s, "
            f"more than the route's timeout of {timeout.total_seconds():g}s; lower it, or raise the timeout",
        )


def problems(path: str, spec: ResilienceSpec, *, mcp: bool) -> Iterator[Problem]:
    yield from retry_problems(f"{path}.retries", spec.retries, mcp=mcp, timeout=None)
    outlier = spec.outlier
    if outlier is None:
        return
    gateway, any_5xx = outlier.consecutive_gateway_errors, outlier.consecutive_5xx
    if any_5xx and gateway >= any_5xx:
        yield Problem(
            f"{path}.outlier.consecutive_gateway_errors",
            f"has no effect at {gateway}: consecutive_5xx counts the same answers and ejects at {any_5xx}; "
            "lower it, or set it to 0",
        )
    if not any_5xx and not gateway:
        yield Problem(f"{path}.outlier", "ejects nothing with both counts 0; set one, or write outlier: null")
