"""Where a route leads, and which gateways it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, problem, whole
from meshlint.validation.values import dns_label, fqdn, host_pattern, port

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json


def _host(value: str) -> Problems:
    if value == "*":
        return problem("is *, where one host is needed", "name the host")
    return host_pattern(value)


def _has_number(value: Json) -> Problems:
    return NONE if value.get("number") else problem("has no number", "write the port's number")


DESTINATION = Message(
    {
        "host": _host,
        "subset": lambda value: dns_label(value) if value else NONE,
        "port": Message({"number": port}, _has_number),
    }
)


def weights(value: list[Json]) -> Problems:
    """Weights of several destinations: their sum is above zero."""
    if len(value) > 1 and not any(one.get("weight") for one in value):
        return problem("has weights that sum to 0", "give at least one destination a weight")
    return NONE


def _has_destination(value: Json) -> Problems:
    return NONE if "destination" in value else problem("has no destination", "name the host")


WEIGHTED_DESTINATION = Message({"destination": DESTINATION, "weight": whole(0)}, _has_destination)


def gateway_names(value: list[str]) -> Problems:
    """Names of gateways: NAMESPACE/NAME, NAME, or `mesh`."""
    found = NONE
    for position, name in enumerate(value):
        namespace, slash, rest = name.partition("/")
        if not slash:
            # Istio looks no further than the first name without a namespace.
            return found + below(position, fqdn(name))
        for part in (namespace, rest):
            if not part:
                found += problem(f"is {name!r}, with an empty part", "write NAMESPACE/NAME", position)
            elif dns_label(part):
                found += problem(f"is {name!r}, and {part!r} is no DNS label", "write NAMESPACE/NAME", position)
    return found
