"""Annotations that Istio refuses, on whatever kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.gateway import name_problem
from meshlint.validation.grammar import NONE, problem

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.manifest import Manifest

DRY_RUN = "istio.io/dry-run"
_ITS_OWN = (
    "internal.istio.io/webhook-always-reject",
    "internal.istio.io/parent-namespace",
    "internal.istio.io/parents",
)
_BOOLEANS = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})


def _dry_run(obj: Manifest) -> str:
    """What is wrong with a dry run; empty if nothing."""
    if obj.kind != "AuthorizationPolicy":
        return "is set, which only an AuthorizationPolicy knows"
    action = obj.spec.get("action", "ALLOW")
    if action not in ("ALLOW", "DENY"):
        return f"is set, and a policy with action {action} has no dry run"
    written = obj.annotations[DRY_RUN]
    return "" if written in _BOOLEANS else f"is {written!r}, neither true nor false"


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse an object of Istio's for its metadata, by its place in the object."""
    found = NONE
    if obj.annotations:
        for name in _ITS_OWN:
            if name in obj.annotations:
                found += problem("is Istio's own", "remove it", "metadata", "annotations", name)
        if DRY_RUN in obj.annotations:
            wrong = _dry_run(obj)
            if wrong:
                found += problem(wrong, "correct or remove it", "metadata", "annotations", DRY_RUN)
    if obj.kind == "Gateway":
        wrong = name_problem(obj)
        if wrong:
            found += problem(wrong, "write letters, digits and hyphens", "metadata", "name")
    return found
