"""Which workloads, and which namespaces, an object is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, each, longest, problem
from meshlint.validation.values import is_dns_label

if TYPE_CHECKING:
    from meshlint.validation.grammar import Check, Problems
    from meshlint.view.fields import Json


def selector(labels: str) -> Check:
    """A selector whose labels stand under this name (`matchLabels`, `labels`): whole values, no wildcards."""

    def check(value: Json) -> Problems:
        found = NONE
        for key, written in value.get(labels, {}).items():
            if not key:
                found += problem("has an empty key", "name the label", labels)
            if "*" in key or "*" in written:
                what = f"has a wildcard in {key}={written}, and a selector knows none"
                found += problem(what, "name the label's whole value, or select by another label", labels, key)
            if len(written) > 63:
                found += problem("is longer than the 63 characters of a label", "shorten it", labels, key)
        return found

    return check


_TARGETS = frozenset(
    {
        ("", "Service"), ("core", "Service"), ("networking.istio.io", "ServiceEntry"),
        ("gateway.networking.k8s.io", "Gateway"), ("gateway.networking.k8s.io", "GatewayClass"),
    }
)  # fmt: skip


def _target(value: Json) -> Problems:
    found = NONE
    if not value.get("name"):
        found += problem("has no name", "name the object")
    elif len(value["name"]) > 253:
        found += problem("is longer than 253 characters", "name the object", "name")
    if value.get("namespace"):
        found += problem(
            "leads to another namespace", "put the policy beside its target, and leave it out", "namespace"
        )
    target = (value.get("group", ""), value.get("kind", ""))
    if target not in _TARGETS:
        what = f"is for {'/'.join(filter(None, target)) or 'nothing'}, which no policy can be attached to"
        found += problem(what, "name a Service, a ServiceEntry, a Gateway or a GatewayClass of the Gateway API")
    return found


SELECTION: dict[str, Check] = {
    "selector": selector("matchLabels"),
    "targetRef": _target,
    "targetRefs": each(_target, longest(16)),
}
"""The fields that attach a policy, for every kind that has them."""


def selects_once(value: Json) -> Problems:
    """One of selector, targetRef and targetRefs; an empty list of targetRefs counts as absent."""
    present = [name for name in ("selector", "targetRef") if name in value]
    if value.get("targetRefs"):
        present.append("targetRefs")
    if len(present) < 2:
        return NONE
    return problem(f"has {' and '.join(present)}, of which it can have one", "keep one of them")


def export_to(namespace: str, names: list[str], *, may_be_nobody: bool = False) -> Problems:
    """Where an object is seen: `.`, `*`, or namespaces, each once; `~` (nobody) for a ServiceEntry alone."""
    found = NONE
    seen: set[str] = set()
    for position, written in enumerate(names):
        name = namespace if written == "." else written
        if name in seen:
            found += problem(f"is {written!r}, which is named before", "name each namespace once", position)
        elif name == "~" and not may_be_nobody:
            found += problem("is ~, which only a ServiceEntry can have", "name a namespace, . or *", position)
        elif name not in ("*", "~") and not is_dns_label(name):
            found += problem(f"is {written!r}, no namespace", "name a namespace, . or *", position)
        else:
            seen.add(name)
    if len(names) > 1:
        for alone in ("*", "~"):
            if alone in seen:
                found += problem(f"has {alone} and others", f"leave {alone} alone, or remove it")
    return found
