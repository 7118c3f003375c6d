"""Findings of the linter that a stack accepts for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.mesh.specs.dates import too_far
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import Date, Spec
from chatgpt_mesh.mesh.specs.words import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    RuleCode = str
    ObjectKey = str
else:
    RuleCode = text_like(
        r"[A-Z]{2,6}[0-9]{3}", "must be the code of a rule, such as MCP315", longest=9, examples=["MCP315"]
    )
    ObjectKey = text_like(
        r"[A-Z][A-Za-z]*(/[A-Za-z0-9._:-]+){1,2}",
        "must be KIND/NAMESPACE/NAME of an object, as the finding shows it",
        longest=400,
        examples=["RequestAuthentication/istio-ingress/public-tokens"],
    )


def problems(read: Mapping[str, Any], today: date) -> Iterator[Problem]:
    """Risks that are taken on for years. One whose day is past is the linter's to tell."""
    for index, risk in enumerate(cast("Sequence[AcceptedRiskSpec]", read.get("accept", ()))):
        if refusal := too_far(risk.until, today):
            yield Problem(f"accept.{index}.until", refusal, risk.until.isoformat())


class AcceptedRiskSpec(Spec):
    """A finding of the checker that somebody takes on, until a day and for a reason."""

    code: RuleCode
    """Code of the rule, as the finding shows it."""
    object: ObjectKey
    """KIND/NAMESPACE/NAME of the object that is accepted as it is."""
    until: Date
    """The last day on which it is accepted; the program warns 14 days before and stops after it."""
    why: Line
    """The reason, for whoever reads this later."""
