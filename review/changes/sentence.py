"""One sentence about a change, and under which heading it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Topic(StrEnum):
    """Headings, in the order in which they are read: who gets in comes first."""

    ACCESS = "Access"
    TRAFFIC = "Traffic"
    EDGE = "Hosts, gateways and certificates"
    LIMITS = "Limits"
    EGRESS = "Egress"
    EXCEPTIONS = "Exceptions"
    SETTINGS = "Settings"
    DRAINS = "What drains"
    RESTARTS = "What restarts"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A change in words. `opens`: somebody reaches what was out of reach."""

    topic: Topic
    text: str
    opens: bool = False
    tells: tuple[str, ...] = ()
    """Paths of the declaration, with all below them, about which nothing more has to be said."""


def listed_words(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    *first, end = list(words) or ["nothing"]
    return f"{', '.join(first)} {last} {end}" if first else end
