"""The app that is measured, the declaration without each of its features, and apps that are in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.cors import CorsSpec
from chatgpt_mesh.mesh.specs.rate_limit import RateLimitSpec
from chatgpt_mesh.mesh.specs.telemetry import AccessLogSpec, TelemetrySpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatgpt_mesh.stack.settings import Settings

APP = "measured"
_AS = "chatgpt-mcp"
_NEVER_REACHED = RateLimitSpec(requests=1_000_000, every=timedelta(seconds=1))
"""The limit counts each request and refuses none: a refusal is cheaper than an answer."""


def _with_app(stack: Settings, name: str, **changes: Any) -> Settings:
    app = stack.apps[name].model_copy(update=changes)
    return stack.model_copy(update={"apps": {**stack.apps, name: app}})


def _with_telemetry(stack: Settings, **changes: Any) -> Settings:
    telemetry = (stack.telemetry or TelemetrySpec()).model_copy(update={"apps": {}, **changes})
    return stack.model_copy(update={"telemetry": telemetry})


def whole(stack: Settings) -> Settings:
    """The deployed declaration with one more app, declared as the MCP app is: tokens, tools, limit, versions."""
    like = stack.apps[_AS]
    app = like.model_copy(
        update={
            "host": like.host and like.host.replace(_AS, APP),
            "further_hosts": (),
            "callers": (),
            # Copies of requests are load that no client waits for.
            "routes": (),
            "rate_limit": _NEVER_REACHED,
        }
    ).named(APP)
    return stack.model_copy(update={"apps": {**stack.apps, APP: app}})


@dataclass(frozen=True, slots=True)
class Feature:
    """`left_out` takes it out of the measured app, or of the mesh where the mesh declares it."""

    name: str
    left_out: Callable[[Settings], Settings]


def _without_tools(stack: Settings) -> Settings:
    auth = stack.apps[APP].auth
    assert auth is not None
    return _with_app(stack, APP, auth=auth.model_copy(update={"tools": {}}))


def _without_sessions(stack: Settings) -> Settings:
    mcp = stack.apps[APP].mcp
    assert mcp is not None
    return _with_app(stack, APP, mcp=mcp.model_copy(update={"stateless": True}))


FEATURES = (
    Feature("tokens, claims and tools", lambda stack: _with_app(stack, APP, auth=None, open=True, rate_limit=None)),
    Feature("tools by scope", _without_tools),
    Feature("limit per subject", lambda stack: _with_app(stack, APP, rate_limit=None)),
    Feature("origins (CORS)", lambda stack: _with_app(stack, APP, cors=CorsSpec())),
    Feature("sessions", _without_sessions),
    Feature("canary and experiments", lambda stack: _with_app(stack, APP, rollout=None)),
    Feature("access log", lambda stack: _with_telemetry(stack, access_log=AccessLogSpec(enabled=False))),
    Feature("traces", lambda stack: _with_telemetry(stack, tracing=None)),
)


def crowded(stack: Settings, others: int) -> Settings:
    """`whole`, and so many apps like it in front of it, each with a host, an issuer's audience and a limit."""
    like = stack.apps[APP]
    crowd = {
        f"app-{number:04}": like.model_copy(
            update={"host": like.host and like.host.replace(APP, f"app-{number:04}")}
        ).named(f"app-{number:04}")
        for number in range(others)
    }
    return stack.model_copy(update={"apps": {**crowd, **stack.apps}})
