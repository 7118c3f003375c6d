"""What changed between versions of this program for whoever has a stack file: the one place where that stands.

A line is added with the change itself. `tests/unit/stack/test_upgrade.py` holds that nothing which a released version
promised (docs/released) is gone without one, and that every **What an upgrader must do** of CHANGELOG.md has one.

A setting is a path below `config`, in which `*` stands for any name and any position: `apps.*.versions.*.labels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RELEASES = ("0.1.0", "0.2.0")
"""Versions of CHANGELOG.md, oldest first; the last is this tree's, released or not."""

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Renamed:
    """A setting that has another name in the same place; `upgrade --write` writes it."""

    since: str
    setting: str
    to: str
    """The new name, without the path."""
    promised: str
    """Its name in docs/released, such as `AppSpec.port`."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A setting that is no more, or has moved to another place."""

    since: str
    setting: str
    instead: str
    """What to do, as the end of a sentence: `write service.port`."""
    promised: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A setting that is there and is not taken any more, always or in some stacks."""

    since: str
    setting: str
    instead: str
    when: Callable[[Mapping[str, Any], tuple[str | int, ...]], bool] | None = None
    """Whether a stack is concerned: the settings of all layers, and the path at which the setting was found."""


@dataclass(frozen=True, slots=True)
class NewDefault:
    """A setting with another default, for stacks that do not say it."""

    since: str
    setting: str
    was: str
    now: str
    promised: str
    """The default as docs/released has it."""


@dataclass(frozen=True, slots=True)
class OutputChanged:
    """A key of the outputs that is no more, or means something else."""

    since: str
    output: str
    """Its path as docs/released has it."""
    instead: str


@dataclass(frozen=True, slots=True)
class RuleChanged:
    """A rule of the linter with another severity, or none: it is gone."""

    since: str
    code: str
    was: Severity
    now: Severity | None


@dataclass(frozen=True, slots=True)
class ToDo:
    """Something beside the stack file."""

    since: str
    sentence: str


Change = Renamed | Removed | Refused | NewDefault | OutputChanged | RuleChanged | ToDo


def _argo_moves_the_weights(values: Mapping[str, Any], path: tuple[str | int, ...]) -> bool:
    """Whether Argo Rollouts makes the routes of the app that a path is of."""
    app = cast("Mapping[str, Any]", values.get("apps", {})).get(str(path[1]), {})
    return app.get("rollout", {}).get("managed_by") == "argo-rollouts"


CHANGES: tuple[Change, ...] = (
    ToDo(
        "0.2.0",
        "The first `up` updates the resource chatgpt-mesh:mesh:Security, which has the dated exceptions as inputs, and "
        "no object of the cluster with it.",
    ),
    ToDo(
        "0.2.0",
        "In a fork of __main__.py, call program.run(): main, lint and register are in chatgpt_mesh/program.py.",
    ),
    ToDo(
        "0.2.0",
        "What reads tool calls at a gateway is one TrafficExtension for all its apps, GATEWAY-calls: the first `up` "
        "creates it before it deletes those of the apps, and no call is let through meanwhile.",
    ),
    ToDo(
        "0.2.0",
        "istiod lets a Gateway open its servers on pods of its own namespace alone: move a Gateway of yours that "
        "selects this mesh's gateways from elsewhere into their namespace, or set istio.control_plane.environment: "
        '{PILOT_SCOPE_GATEWAY_TO_NAMESPACE: "false"}.',
    ),
    Refused(
        "0.2.0",
        "apps.*.versions.*.labels",
        "take it out, and point canarySubsetName and stableSubsetName of the Rollout at `canary` and `stable`: Argo "
        "Rollouts writes the labels of subsets itself",
        _argo_moves_the_weights,
    ),
)
