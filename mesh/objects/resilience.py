"""Pools, ejection and retries as DestinationRules and routes carry them."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    ConnectionPoolSettings,
    ConnectionPoolSettings_HTTPSettings,
    ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy,
    ConnectionPoolSettings_TCPSettings,
    ConnectionPoolSettings_TCPSettings_TcpKeepalive,
    HTTPRetry,
    OutlierDetection,
    TrafficPolicy_RetryBudget,
)

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.resilience import OutlierSpec, PoolSpec, RetriesSpec, RetryBudgetSpec
    from chatgpt_mesh.mesh.specs.service import ServiceSpec


def retry(spec: RetriesSpec) -> HTTPRetry:
    return _retry(spec.attempts, spec.conditions, spec.per_try_timeout)


@lru_cache(maxsize=256)
def _retry(attempts: int, conditions: tuple[str, ...], per_try_timeout: timedelta | None) -> HTTPRetry:
    """Equal settings give one object: most routes of a mesh keep the defaults."""
    if attempts == 0:
        return HTTPRetry(attempts=0)
    return HTTPRetry(attempts=attempts, retry_on=",".join(conditions), per_try_timeout=per_try_timeout)


def retry_budget(spec: RetryBudgetSpec) -> TrafficPolicy_RetryBudget:
    return TrafficPolicy_RetryBudget(percent=spec.percent, min_retry_concurrency=spec.min_concurrency)


def connection_pool(spec: PoolSpec) -> ConnectionPoolSettings:
    keepalive = spec.keepalive and ConnectionPoolSettings_TCPSettings_TcpKeepalive(
        time=spec.keepalive.time, interval=spec.keepalive.interval, probes=spec.keepalive.probes
    )
    return ConnectionPoolSettings(
        tcp=ConnectionPoolSettings_TCPSettings(
            max_connections=spec.connections, connect_timeout=spec.connect_timeout, tcp_keepalive=keepalive
        ),
        http=ConnectionPoolSettings_HTTPSettings(
            http1_max_pending_requests=spec.pending,
            http2_max_requests=spec.open_streams,
            max_requests_per_connection=spec.requests_per_connection,
            idle_timeout=spec.idle_timeout,
            h2_upgrade_policy=ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy.UPGRADE if spec.http2 else None,
        ),
    )


LETS_GO_BEFORE = timedelta(seconds=1)
"""How long before the app its sidecar closes an idle connection: both clocks start with the same answer, and what lies
between them is a busy machine."""


def own_pool(service: ServiceSpec) -> ConnectionPoolSettings | None:
    """The connections of an app's own sidecar to the app, in its Sidecar.

    A DestinationRule would not do: its pool is what callers take up, for whom each new connection costs a TLS
    handshake, and the app's own sidecar only if it is in its own scope (`mesh.objects.scoping`), which it is not.
    """
    closes_after = service.keep_alive_timeout
    if closes_after is None:
        return None
    half = closes_after // timedelta(milliseconds=2) * timedelta(milliseconds=1)
    idle = max(closes_after - LETS_GO_BEFORE, half)
    return ConnectionPoolSettings(http=ConnectionPoolSettings_HTTPSettings(idle_timeout=idle))


def outlier_detection(spec: OutlierSpec) -> OutlierDetection:
    return OutlierDetection(
        consecutive_gateway_errors=spec.consecutive_gateway_errors,
        consecutive_5xx_errors=spec.consecutive_5xx,
        interval=spec.interval,
        base_ejection_time=spec.base_ejection,
        max_ejection_percent=spec.max_ejected_percent,
        min_health_percent=spec.min_health_percent,
        split_external_local_origin_errors=spec.split_local_errors or None,
    )
