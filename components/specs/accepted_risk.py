"""Findings of the linter that a stack accepts for a while."""

from __future__ import annotations

from chatgpt_mesh.mesh.specs.spec import Date, Spec


class AcceptedRiskSpec(Spec):
    """A finding of the checker that somebody takes on, until a day and for a reason."""

    code: str
    """Code of the rule, as the finding shows it."""
    object: str
    """KIND/NAMESPACE/NAME of the object that is accepted as it is."""
    until: Date
    """The last day on which it is accepted; the program warns 14 days before and stops after it."""
    why: str
    """The reason, for whoever reads this later."""
