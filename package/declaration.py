"""What a component declares, read and judged as the program does with a stack file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.program import judged
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.peer import PATH as PEER
from chatgpt_mesh.stack.secret_texts import SecretTexts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.stack.settings import Settings

ON_A_CLUSTER = {"kind": "existing"}
"""Where everything of the package is: which cluster that is, is said by the provider."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """Settings without a mistake, and everything that follows from them."""

    settings: Settings
    mesh: Mesh
    secrets: SecretTexts


def declared(values: Mapping[str, Any], secrets: Iterable[str] = (), *, found: Iterable[Problem] = ()) -> Declaration:
    """The declaration that values in the form of a stack file stand for. What is right today and will not be soon goes
    to Pulumi's log.

    Args:
        values: Settings by name, without `cluster`.
        secrets: Texts in them that are shown nowhere.
        found: Mistakes that were seen on the way here.

    Raises:
        InvalidConfig: with every mistake; nothing has been registered then.
    """
    hidden = SecretTexts(secrets)
    today = dates.today()
    found = [*found, *_of_a_stack(values)]
    stack = settings.read({"cluster": ON_A_CLUSTER, **values}, today, hidden, found)
    return Declaration(stack, judged(stack, hidden, today), hidden)


def _of_a_stack(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What a component cannot do, since it does not ask the engine for outputs of other stacks."""
    clusters = _mapping(_mapping(values.get("istio")).get("multi_cluster"))
    if clusters.get("peer") is not None:
        yield Problem(
            PEER,
            "names another stack, whose outputs a component does not read; declare a mesh of two clusters in stack "
            "files (docs/second-cluster.md)",
        )


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
