"""A canary's way to all traffic: which shares, how long each, and what Prometheus must say before the next."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Duration, Many, Spec, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    PromQl = str
else:
    PromQl = text_like(
        r"\S([\s\S]*\S)?",
        "must be an expression of PromQL without blanks around it, at most 2000 characters",
        longest=2000,
        examples=['sum(increase(tool_errors_total{version="$version"}[$window]))'],
    )

Bound = Annotated[float, Field(allow_inf_nan=False)]


class GuardSpec(Spec):
    """A question to Prometheus, and what its answer may be. At least one of at_most and at_least."""

    query: PromQl
    """PromQL that gives one number. `$version` becomes the canary's label `version`, `$service` the host of the app's
    Service, `$window` the time that is looked back, such as `600s`. No answer is no breach."""
    at_most: Bound | None = None
    """The largest number with which the rollout goes on."""
    at_least: Bound | None = None
    """The smallest number with which the rollout goes on."""


class StepsSpec(Spec):
    """What `python -m mesh rollout` does with a canary."""

    percents: Many[Annotated[int, Field(ge=1, le=100)]]
    """Shares one after another, rising by `max_step` at most."""
    pause: Annotated[Duration, within("10s", "24h", "a shorter one holds too few samples for a rate")] = Field(
        default="10m", validate_default=True
    )
    """How long a share is watched, and how far back questions look."""
    least_requests: int = Field(default=100, ge=1, le=1_000_000)
    """Requests of the canary without which nothing is decided: with fewer, one failure is more than 1 %. A share that
    has not as many in three pauses stays as it is, and the command ends."""
    compare: bool = True
    """Whether the canary is held against the stable version, as the alerts CanaryFailsMoreThanStable and
    CanaryIsSlowerThanStable do."""
    guards: dict[DnsLabel, GuardSpec] = {}
    """Questions beside these, by name."""


def problems(
    path: str, steps: StepsSpec, *, managed_by: str, max_step: int, stepped_by_hand: bool
) -> Iterator[Problem]:
    """`stepped_by_hand`: `from_percent` is given as well."""
    if managed_by != "stack":
        yield Problem(path, f"are for weights that the stack moves; {managed_by} has steps and analyses of its own")
    if stepped_by_hand:
        yield Problem(path, "say themselves what follows what; remove from_percent")
    if not steps.percents:
        yield Problem(f"{path}.percents", "is empty; list the shares, such as [5, 50, 100]")
    for number, (before, now) in enumerate(pairwise((0, *steps.percents))):
        at = f"{path}.percents.{number}"
        if now <= before:
            yield Problem(at, f"does not rise above {before}, the one before", now)
        elif now - before > max_step:
            yield Problem(
                at, f"goes up by {now - before} from {before}, more than max_step {max_step}; put one between", now
            )
    if not steps.compare and not steps.guards:
        yield Problem(f"{path}.guards", "is empty, and compare is false: nothing would ever take the canary back")
    for name, guard in steps.guards.items():
        at = f"{path}.guards.{name}"
        if guard.at_most is None and guard.at_least is None:
            yield Problem(at, "has no bound; give at_most, at_least or both")
        elif guard.at_most is not None and guard.at_least is not None and guard.at_least > guard.at_most:
            yield Problem(f"{at}.at_least", f"is above at_most {guard.at_most:g}; no number is good", guard.at_least)


def comparison_problems(path: str, steps: StepsSpec, *, told_apart: bool) -> Iterator[Problem]:
    """`told_apart`: the label `version` of both versions' pods is known and differs, which is what metrics go by."""
    if steps.compare and not told_apart:
        yield Problem(
            f"{path}.compare",
            "needs the label version on both versions' pods, with two values, by which proxies count; give them, or "
            "say compare: false and guards of your own",
        )
