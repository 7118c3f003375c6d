"""A number becomes a declaration that the lab can run: what the generator of the tests draws, on the lab's cluster."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import Phase, given, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from tests.lab.random_mesh.one_node import fitted
from tests.unit import random_stacks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.stack.settings import Settings

EXAMPLES = 30
OF_THE_CLUSTER = ("cluster", "istio")
"""Settings that stay the lab's own."""


class _Same(HypothesisProvider):
    """Draws without the constants of whatever modules are loaded: they are others under pytest than on a command line,
    and a seed must mean the same everywhere."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS["same-for-a-seed"] = f"{__name__}.{_Same.__name__}"


@functools.cache
def drawn(seed: int) -> dict[str, Any]:
    """The settings of a random stack, always the same for a number, for nobody to change.

    Of several examples it is the last that a client outside can ask something of: the first ones are the smallest.
    """
    examples: list[dict[str, Any]] = []

    @hypothesis.seed(seed)
    @settings(
        backend="same-for-a-seed",
        database=None,
        deadline=None,
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=random_stacks.TAKES_LONG,
    )
    @given(random_stacks.stacks(alone=True))
    def collect(declaration: dict[str, Any]) -> None:
        examples.append(declaration)

    collect()
    return next(stack for stack in reversed(examples) if _worth_asking(stack["apps"]))


def _worth_asking(apps: dict[str, Any]) -> bool:
    """Some app that asks for tokens and is not closed, some app beside it, and somebody who may call one."""
    return (
        len(apps) > 1
        and any(app.get("auth") and app.get("host") and not app.get("maintenance") for app in apps.values())
        and any(app.get("callers") for app in apps.values())
    )


def declaration(seed: int, lab: Settings, own: Mapping[str, Any]) -> dict[str, Any]:
    """A whole stack's settings. `own` are those of the lab's own stack file, which say where it runs."""
    surroundings = {name: own[name] for name in OF_THE_CLUSTER}
    surroundings["istio"] = {**surroundings["istio"], "version": lab.istio.version}
    return {**fitted(drawn(seed), seed), **surroundings}
