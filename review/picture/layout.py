"""Where everything stands: what a drawing needs to know, and how one card is measured.

Columns go from left to right as a request does: who comes in, the apps by how deep they are called, the way out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatgpt_mesh.review.picture.scene import Call, Card, Scene

MARGIN = 16
CARD_WIDTH = 226
GAP = 48
"""Between two columns, where wires bend."""
BETWEEN = 16
"""Between two cards of one column."""
HEADER, ROW, BAR, BOTTOM = 30, 17, 36, 8

Point = tuple[float, float]


@dataclass(slots=True)
class Placed:
    """A card, or one in its short form of a name and its versions (`chip`)."""

    card: Card
    x: float
    y: float
    width: float
    height: float
    chip: bool = False

    def row_y(self, place: str) -> float | None:
        """The middle of the row with an id."""
        for index, row in enumerate(self.card.rows):
            if row.id == place:
                return self.y + HEADER + index * ROW + ROW / 2 - 1
        return None


@dataclass(frozen=True, slots=True)
class Frame:
    """The box around the apps of a namespace."""

    namespace: str
    x: float
    y: float
    width: float
    height: float
    count: int
    foot: str = ""
    """Calls to apps of other namespaces, where they are not drawn."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A line through points, each pair joined by a curve that leaves and arrives horizontally."""

    points: tuple[Point, ...]
    kind: str
    """`call` inside the mesh; else the kind of the gateway that it goes through, or `outside`."""
    title: str
    calls: int = 1


@dataclass(slots=True)
class Layout:
    title: str
    width: float = 0
    height: float = 0
    placed: list[Placed] = field(default_factory=list[Placed])
    frames: list[Frame] = field(default_factory=list[Frame])
    wires: list[Wire] = field(default_factory=list[Wire])


def height_of(card: Card) -> float:
    bar = BAR if card.versions else 0
    return HEADER + ROW * (len(card.rows) + len(card.marks)) + bar + BOTTOM


def kind_of(scene: Scene, call: Call) -> str:
    """The kind of a wire for a call."""
    gateway = scene.card_of(call.source if call.kind == "serve" else call.target)
    return "call" if call.kind == "call" or gateway is None else gateway.kind


def told(scene: Scene, call: Call) -> str:
    """A call as a tooltip has it."""
    source, target = (name_of(scene, place) for place in (call.source, call.target))
    return f"{source} → {target}: {call.label}"


def name_of(scene: Scene, place: str) -> str:
    card = scene.card_of(place)
    if card is None:
        return place
    row = next((row.text for row in card.rows if row.id == place), "")
    return row or card.title
