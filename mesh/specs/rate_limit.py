"""How much of an app may be used, and by whom: counted by each gateway replica or by the rate limit service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs import rate_limit_deployment
from chatgpt_mesh.mesh.specs.kubernetes_names import OwnNamespace, ServiceName
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.rate_limit_deployment import RateLimitDeploymentSpec
from chatgpt_mesh.mesh.specs.spec import Count, DnsLabel, Duration, Labels, PortNumber, Spec, duration_text, within
from chatgpt_mesh.mesh.specs.words import ClaimName, ClaimValue, ToolName

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_TIER = "-"
"""What a token without one of the tiers counts under."""

UNITS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
"""Windows that the rate limit service knows."""


class TiersSpec(Spec):
    """More, or less, for tokens with a claim."""

    claim: ClaimName
    """A claim at the top of the verified token; text, or a list of texts."""
    requests: dict[ClaimValue, Annotated[Count, Field(ge=1)]] = Field(min_length=1)
    """Requests in one window by a value of the claim; of several that a list has, the first here counts. Every other
    token has the `requests` beside it."""


class RateLimitSpec(Spec):
    """How much of an app one subject may use. Beyond it the gateway answers 429 with retry-after and x-ratelimit
    headers."""

    per: Literal["subject", "address", "app"] = "subject"
    """subject: each issuer and subject of a verified token for itself. address: each address of a client, by /64 with
    IPv6; also before it has a token. app: everybody together."""
    requests: Count = Field(ge=1)
    """Requests in one window. An MCP client needs several to open a session: below 30 it may not get that far."""
    every: Annotated[Duration, within("50ms", "24h", "what Envoy's buckets can be filled in")] = Field(
        default="60s", validate_default=True
    )
    """The window. Tokens come back evenly over it."""
    counted: Literal["replica", "gateway", "global"] = "gateway"
    """replica: each gateway replica counts alone, so N replicas let N times as much pass. gateway: `requests` is
    divided by the gateway's lowest number of replicas, rounded up; more replicas let more pass. global: exactly, by the
    rate limit service."""
    tiers: TiersSpec | None = None
    """Other numbers by a claim of the token."""
    tools: dict[ToolName, Annotated[Count, Field(ge=1)]] = {}
    """Calls of single tools in one window, beside `requests`. A gateway knows a tool by the header mcp-name; what does
    not name it plainly, as clients before 2026-07-28 do, counts for each of these."""


class RateLimitServiceSpec(Spec):
    """The rate limit service behind `counted: global` (https://github.com/envoyproxy/ratelimit), which keeps its
    counts in Redis."""

    namespace: Annotated[DnsLabel, OwnNamespace] = "ratelimit"
    """Its namespace."""
    service: ServiceName = "ratelimit"
    """Its Service."""
    port: PortNumber = 8081
    """Its gRPC port."""
    labels: Labels = {"app": "ratelimit"}
    """Labels of its pods."""
    timeout: Annotated[Duration, within("1ms", "10s", "every request waits for it")] = Field(
        default="250ms", validate_default=True
    )
    """Time to wait for its answer before the request passes unlimited."""
    deny_when_down: bool = False
    """Answer 500 while it cannot be reached, instead of letting requests pass."""

    deployment: RateLimitDeploymentSpec | None = None
    """Have this stack run it. null: somebody else does, and reads the ConfigMap SERVICE-limits."""

    @property
    def host(self) -> str:
        return f"{self.service}.{self.namespace}.svc.cluster.local"


def problems(
    path: str, limit: RateLimitSpec, *, exposed: bool, authenticated: bool, era: str | None, service_declared: bool
) -> Iterator[Problem]:
    """`exposed`: the app is on a gateway; `authenticated`: it asks for tokens; `era`: that of its MCP endpoint, if it
    has one; `service_declared`: there is a rate_limit_service."""
    if not exposed:
        yield Problem(
            path,
            "limits are counted at gateways, and this app is on none; give it host and gateway, or remove the limit",
        )
    if limit.per == "subject" and not authenticated:
        yield Problem(
            f"{path}.per", "a subject is known only from a verified token; declare auth, or limit per app", "subject"
        )
    if limit.tiers is not None:
        if limit.per != "subject":
            yield Problem(f"{path}.tiers", "are known from a verified token; count per subject, or remove them")
        if NO_TIER in limit.tiers.requests:
            yield Problem(f"{path}.tiers.requests.{NO_TIER}", "stands for tokens without a tier; say it in requests")
    if limit.tools and era in (None, "legacy"):
        yield Problem(
            f"{path}.tools",
            "needs mcp with era modern or both: clients before it do not say in a header which tool they call, so each "
            "of their requests would count for every tool; limit requests",
        )
    if limit.counted == "global":
        if not service_declared:
            yield Problem(
                f"{path}.counted",
                "needs the rate limit service; declare rate_limit_service, or count per gateway",
                "global",
            )
        if limit.every.total_seconds() not in UNITS:
            yield Problem(
                f"{path}.every",
                "must be 1s, 60s, 3600s or 86400s, the windows of the rate limit service",
                duration_text(limit.every),
            )


def service_problems(service: RateLimitServiceSpec | None) -> Iterator[Problem]:
    if service is not None and service.deployment is not None:
        yield from rate_limit_deployment.problems("rate_limit_service.deployment", service.deployment)
