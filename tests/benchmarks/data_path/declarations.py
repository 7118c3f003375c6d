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

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.stack.settings import Settings

APP = "measured"
_AS = "chatgpt-mcp"
MEMORY_OF_A_CROWD = "8Gi"
"""Of the gateway. While apps come, each change of a listener leaves the one before it until its connections have
drained; with a limit of 1 GiB, which suits the declared apps, a gateway of a thousand is ended by the kernel."""
_NEVER_REACHED = RateLimitSpec(requests=1_000_000, every=timedelta(seconds=1))
"""The limit counts each request and refuses none: a refusal is cheaper than an answer."""


def _with_both(stack: Settings, change: Callable[[AppSpec], dict[str, Any]]) -> Settings:
    """The measured app and the one it is like: what one of them asks of the gateway is done to requests of both."""
    changed = {name: stack.apps[name].model_copy(update=change(stack.apps[name])) for name in (APP, _AS)}
    return stack.model_copy(update={"apps": {**stack.apps, **changed}})


def _with_telemetry(stack: Settings, **changes: Any) -> Settings:
    telemetry = (stack.telemetry or TelemetrySpec()).model_copy(update={"apps": {}, **changes})
    return stack.model_copy(update={"telemetry": telemetry})


def whole(stack: Settings) -> Settings:
    """The deployed declaration with one more app, declared as the MCP app is: tokens, tools, limit, versions."""
    like = stack.apps[_AS]
    rollout = like.rollout
    if rollout is not None:
        here = {name: one for name, one in rollout.experiments.items() if one.gateway in (None, like.gateway)}
        rollout = rollout.model_copy(update={"experiments": here})
    app = like.model_copy(
        update={
            "host": like.host and like.host.replace(_AS, APP),
            "further_hosts": (),
            "callers": (),
            # Copies of requests are load that no client waits for.
            "routes": (),
            "rate_limit": _NEVER_REACHED,
            "rollout": rollout,
        }
    ).named(APP)
    return stack.model_copy(update={"apps": {**stack.apps, APP: app}})


@dataclass(frozen=True, slots=True)
class Feature:
    """`left_out` takes it out of the measured app, or of the mesh where the mesh declares it."""

    name: str
    left_out: Callable[[Settings], Settings]


def _tokens(app: AppSpec) -> dict[str, Any]:
    """Nor the limit per subject and the experiment by claim, which there is none of without them."""
    rollout = app.rollout
    known = {} if rollout is None else {name: one for name, one in rollout.experiments.items() if one.claim is None}
    kept = None if rollout is None else rollout.model_copy(update={"experiments": known})
    return {"auth": None, "open": True, "rate_limit": None, "rollout": kept}


def _tools(app: AppSpec) -> dict[str, Any]:
    return {"auth": app.auth and app.auth.model_copy(update={"tools": {}})}


def _sessions(app: AppSpec) -> dict[str, Any]:
    return {"mcp": app.mcp and app.mcp.model_copy(update={"stateless": True})}


def _log(stack: Settings) -> Settings:
    return _with_telemetry(stack, access_log=AccessLogSpec(enabled=False))


_ONE_VERSION: dict[str, Any] = {"rollout": None, "versions": {}, "routes": ()}
"""Routes of the app that is not measured lead copies of requests to a version."""


def _everything(stack: Settings) -> Settings:
    """What is left is a host, its certificate and a route, with the mesh's own defaults."""

    def of(app: AppSpec) -> dict[str, Any]:
        return {**_tokens(app), **_sessions(app), **_ONE_VERSION, "cors": CorsSpec()}

    return _with_telemetry(_log(_with_both(stack, of)), tracing=None)


FEATURES = (
    Feature("tokens, and what they decide", lambda stack: _with_both(stack, _tokens)),
    Feature("tools by scope", lambda stack: _with_both(stack, _tools)),
    Feature("limit per subject", lambda stack: _with_both(stack, lambda _: {"rate_limit": None})),
    Feature("origins (CORS)", lambda stack: _with_both(stack, lambda _: {"cors": CorsSpec()})),
    Feature("sessions", lambda stack: _with_both(stack, _sessions)),
    Feature("versions", lambda stack: _with_both(stack, lambda _: _ONE_VERSION)),
    Feature("access log", _log),
    Feature("traces", lambda stack: _with_telemetry(stack, tracing=None)),
    Feature("all of these", _everything),
)


def only(stack: Settings, *names: str) -> Settings:
    """The declaration with these features, of all that are measured."""
    for feature in FEATURES:
        if feature.name not in names and feature.left_out is not _everything:
            stack = feature.left_out(stack)
    return stack


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
