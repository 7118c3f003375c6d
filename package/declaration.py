"""What a component declares, read and judged as the program does with a stack file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components import checked, key_sets
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.secret_texts import SecretTexts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chatgpt_mesh.mesh.specs.problem import Problem
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
    stack = settings.read({"cluster": ON_A_CLUSTER, **values}, today, hidden, found)
    try:
        mesh = Mesh(stack, today)
    except InvalidConfig as mistakes:
        raise InvalidConfig(map(hidden.redacted, mistakes.problems)) from None
    charts = checked.charts_of(stack.istio, stack.cluster, mesh, mesh_config(mesh), stack.platform)
    errors, warnings = checked.judged(mesh, charts, stack.istio.injects, accept=stack.accept, today=today)
    silent = key_sets.before_up(mesh)
    errors += silent if mesh.spec.security.unanswered_key_sets == "stop" else []
    if errors:
        raise InvalidConfig(map(hidden.redacted, errors))
    for warning in (*mesh.warnings, *stack.warnings(today), *warnings, *silent):
        pulumi.log.warn(str(hidden.redacted(warning)))
    return Declaration(stack, mesh, hidden)
