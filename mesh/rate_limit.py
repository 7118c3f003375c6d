"""Limits per subject of a verified token."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mesh.spec import DnsLabel, Duration, PortNumber, Spec


class RateLimitSpec(Spec):
    """How much of an app one subject may use. Beyond it the gateway answers 429 with x-ratelimit headers."""

    per: Literal["subject", "app"] = "subject"
    """subject: each issuer and subject of a verified token for itself. app: everybody together."""
    requests: int = Field(ge=1)
    """Requests in one window. An MCP client needs several to open a session: below 30 it may not get that far."""
    every: Duration = Field(default="60s", validate_default=True)  # pyright: ignore[reportAssignmentType]
    """The window. Tokens come back evenly over it."""
    counted: Literal["replica", "gateway", "global"] = "gateway"
    """replica: each gateway replica counts alone, so N replicas let N times as much pass. gateway: `requests` is divided by
    the gateway's lowest number of replicas, rounded up; more replicas let more pass. global: exactly, by the rate limit service."""


class RateLimitServiceSpec(Spec):
    """The rate limit service behind `counted: global` (https://github.com/envoyproxy/ratelimit), which keeps its counts in Redis."""

    namespace: DnsLabel = "ratelimit"
    """Its namespace."""
    service: DnsLabel = "ratelimit"
    """Its Service."""
    port: PortNumber = 8081
    """Its gRPC port."""
    service_account: DnsLabel = "ratelimit"
    """Its service account."""
    timeout: Duration = Field(default="250ms", validate_default=True)  # pyright: ignore[reportAssignmentType]
    """Time to wait for its answer before the request passes unlimited."""
    deny_when_down: bool = False
    """Answer 500 while it cannot be reached, instead of letting requests pass."""

    @property
    def host(self) -> str:
        return f"{self.service}.{self.namespace}.svc.cluster.local"
