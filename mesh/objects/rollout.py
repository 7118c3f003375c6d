"""From percents to weights: who gets which version of an app.

A canary's percent becomes two weights in every route that divides (`shares`, `destinations`); a pin and an experiment
become routes of their own before those (`mesh.objects.host_routes`, `mesh.objects.mesh_routes`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import Destination, HTTPRouteDestination, PortSelector, StringMatch
from chatgpt_mesh.mesh.objects.matches import exact, regex
from chatgpt_mesh.mesh.specs.hand_off import CANARY, STABLE
from chatgpt_mesh.mesh.specs.rollout import pins

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.rollout import PinSpec, RolloutSpec

Division = Sequence[tuple[str, int]]
"""Versions and their whole percents; empty where the app has no versions."""


def shares(rollout: RolloutSpec) -> tuple[tuple[str, int], ...]:
    """Version and whole percent, stable first; one entry where one version takes all."""
    canary = rollout.canary
    if canary is None or canary.percent == 0:
        return ((rollout.stable, 100),)
    if canary.percent == 100:
        return ((canary.version, 100),)
    return ((rollout.stable, 100 - canary.percent), (canary.version, canary.percent))


def destination(app: AppSpec, version: str | None) -> Destination:
    assert app.service is not None, "refused by problems()"  # noqa: S101
    return _service_destination(app.service_host, version and subset_name(app, version), app.service.port)


def subset_name(app: AppSpec, version: str) -> str:
    """A version's own, or its role's where Argo Rollouts lets one version after the other play it."""
    rollout = app.rollout
    if rollout is None or not handed_off(app) or rollout.canary is None:
        return version
    return {rollout.stable: STABLE, rollout.canary.version: CANARY}.get(version, version)


@lru_cache(maxsize=1024)
def _service_destination(host: str, version: str | None, port: int) -> Destination:
    return Destination(host=host, subset=version, port=PortSelector(number=port))


def destinations(app: AppSpec, division: Division, *, keep_zero: bool = False) -> tuple[HTTPRouteDestination, ...]:
    if not division:
        return (HTTPRouteDestination(destination=destination(app, None)),)
    if len(division) == 1:
        return (HTTPRouteDestination(destination=destination(app, division[0][0])),)
    return tuple(
        HTTPRouteDestination(destination=destination(app, version), weight=percent)
        for version, percent in division
        if percent or keep_zero
    )


def stable_division(app: AppSpec, gateway: str | None) -> tuple[tuple[str, int], ...]:
    """The shares of whoever belongs to no audience; an experiment by gateway takes all that comes through it."""
    if app.rollout is None:
        return ()
    return _by_gateway(app.rollout, gateway) or shares(app.rollout)


def moved_division(app: AppSpec, gateway: str | None) -> tuple[tuple[str, int], ...] | None:
    """`stable_division`, or None where a controller moves these weights."""
    if app.rollout is None or not handed_off(app):
        return stable_division(app, gateway)
    return _by_gateway(app.rollout, gateway)


def _by_gateway(rollout: RolloutSpec, gateway: str | None) -> tuple[tuple[str, int], ...] | None:
    for experiment in rollout.experiments.values():
        if experiment.gateway is not None and experiment.gateway == gateway:
            return experiment_division(rollout, experiment.version, experiment.percent)
    return None


def experiment_division(rollout: RolloutSpec, version: str, percent: int) -> tuple[tuple[str, int], ...]:
    if percent == 100 or version == rollout.stable:
        return ((version, 100),)
    return ((rollout.stable, 100 - percent), (version, percent))


def pin_match(pin: PinSpec) -> Mapping[str, StringMatch]:
    if pin.header is not None:
        return {pin.header: exact(pin.value)}
    return {"cookie": regex(rf"(.*;\s*)?{re.escape(pin.cookie or '')}={re.escape(pin.value)}(;.*)?")}


def pins_of(app: AppSpec) -> list[tuple[str, str, PinSpec]]:
    """The app's pins in the order in which they are tried: the end of their routes' names, the version, the pin."""
    found = [] if app.rollout is None else pins(app.rollout, app.versions)
    return [("pinned" if at.startswith("rollout.") else f"pinned-{to}", to, pin) for at, to, pin in found]


def handed_off(app: AppSpec) -> bool:
    """Whether a controller moves the weights, in a VirtualService of its own that the routes delegate to."""
    return app.rollout is not None and app.rollout.managed_by == "argo-rollouts"
