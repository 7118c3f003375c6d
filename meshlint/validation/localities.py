"""Weights and failover between localities (`region/zone/subzone`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, problem

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json

_TOPOLOGY = frozenset(
    {"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"}
)  # fmt: skip


def _overlap(places: list[str]) -> str:
    """What is wrong with a list of localities; empty if nothing."""
    seen: list[tuple[str, ...]] = []
    for place in places:
        if "*" in place[:-1]:
            return f"has {place!r}, and a wildcard can only end it"
        parts = tuple(place.split("/", 2))
        if not all(parts):
            return f"has {place!r}, with an empty region, zone or subzone"
        for other in seen:
            if _covers(other, parts):
                return f"has {place!r}, which {'/'.join(other)!r} covers"
            if len(parts) == 1 and other[0] == parts[0]:
                return f"has {place!r}, which covers {'/'.join(other)!r}"
        seen.append(parts)
    return ""


def _covers(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    if wide == ("*",):
        return True
    trimmed = wide[:-1] if len(wide) > 1 and wide[-1] == "*" else wide
    return narrow[: len(trimmed)] == trimmed


def _distribute(value: Json) -> Problems:
    for position, one in enumerate(value.get("distribute", ())):
        weights = one.get("to", {}).values()
        where = ("distribute", position, "to")
        if not all(0 < weight <= 100 for weight in weights):
            return problem("has a weight outside 1 to 100", "write whole percents", *where)
        if sum(weights) != 100:
            return problem(f"has weights that sum to {sum(weights)}", "let them sum to 100", *where)
        wrong = _overlap(list(one.get("to", {})))
        if wrong:
            return problem(wrong, "name each locality once", *where)
    wrong = _overlap([one.get("from", "") for one in value.get("distribute", ())])
    return problem(wrong, "name each locality once", "distribute") if wrong else NONE


def _failover(value: Json) -> Problems:
    found = NONE
    for position, one in enumerate(value.get("failover", ())):
        here, there = one.get("from", ""), one.get("to", "")
        where = ("failover", position)
        if here == there:
            found += problem(f"leads from {here!r} to itself", "name another region", *where)
        if "/" in here + there:
            found += problem("names more than a region", "write regions alone", *where)
        if "*" in here + there:
            found += problem("has a wildcard", "name the regions", *where)
    return found


def _one_way(value: Json) -> Problems:
    if value.get("distribute") and value.get("failover"):
        return problem("has distribute and failover", "keep one of them")
    by_topology = _TOPOLOGY.intersection(value.get("failoverPriority", ()))
    if value.get("failover") and by_topology:
        what = f"has failover, and {', '.join(sorted(by_topology))} in failoverPriority"
        return problem(what, "keep one of them")
    return NONE


def _priority_of_labels(value: Json) -> Problems:
    found = NONE
    for position, name in enumerate(value.get("failoverPriority", ())):
        if name in _TOPOLOGY:
            what = f"is {name!r}, which zone-aware balancing looks at by itself"
            found += problem(what, "remove it", "failoverPriority", position)
    return found


LOCALITY_SETTING = Message({}, _one_way, _distribute, _failover)
ZONE_AWARE_SETTING = Message({}, _priority_of_labels, _failover)
