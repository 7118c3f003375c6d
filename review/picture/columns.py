"""Every app as a card, in columns by how deep it is called and in bands by namespace; for a dozen apps or so.

Wires that pass a column get a lane between its cards, so that none runs behind one. Items of a column are ordered by
where their neighbours stand, in sweeps to the right and back (the barycentre heuristic of Sugiyama, Tagawa and Toda,
https://doi.org/10.1109/TSMC.1981.4308636).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatgpt_mesh.review.picture.layout import (
    BETWEEN,
    CARD_WIDTH,
    GAP,
    HEADER,
    MARGIN,
    Frame,
    Layout,
    Placed,
    Wire,
    height_of,
    kind_of,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chatgpt_mesh.review.picture.layout import Point
    from chatgpt_mesh.review.picture.scene import Call, Card, Scene

_LANE = 12
_BAND_GAP = 22
_BAND_LABEL = 26
_BAND_PADDING = 14
_SWEEPS = 8


@dataclass(slots=True)
class _Item:
    """A card, or a lane that a wire takes past a column."""

    column: int
    band: str
    height: float
    card: Card | None = None
    y: float = 0.0
    before: list[_Item] = field(default_factory=list["_Item"])
    behind: list[_Item] = field(default_factory=list["_Item"])

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(slots=True)
class _Path:
    """Calls between the same two places, and the items on their way, both ends included."""

    calls: list[Call]
    items: list[_Item]


def columns(scene: Scene) -> Layout:
    return _Columns(scene).laid_out()


class _Columns:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        depths = _depths(scene)
        self._last = max(depths.values(), default=-1) + 1
        self._cards: dict[str, _Item] = {}
        for card in scene.cards:
            column = depths.get(card.id, self._last if card.kind in ("egress", "outside", "called") else -1)
            self._cards[card.id] = _Item(column, card.namespace if card.kind == "app" else "", height_of(card), card)
        self._items = list(self._cards.values())
        self._paths = self._find_paths()
        self._bands = list(dict.fromkeys(item.band for item in self._cards.values() if item.band))

    def laid_out(self) -> Layout:
        for sweep in range(_SWEEPS):
            self._stack()
            self._order(rightward=sweep % 2 == 0)
        self._stack()
        layout = Layout(self._scene.title)
        layout.placed = [
            Placed(item.card, self._x(item.column), item.y, CARD_WIDTH, item.height)
            for item in self._items
            if item.card is not None
        ]
        layout.frames = self._frames()
        layout.wires = self._wires()
        layout.width = self._x(self._last) + CARD_WIDTH + MARGIN
        bottoms = [item.y + item.height for item in self._items] + [frame.y + frame.height for frame in layout.frames]
        layout.height = max(bottoms, default=0) + MARGIN
        return layout

    def _x(self, column: int) -> float:
        return MARGIN + (column + 1) * (CARD_WIDTH + GAP)

    def _find_paths(self) -> list[_Path]:
        grouped: dict[tuple[str, str], list[Call]] = {}
        for call in self._scene.calls:
            grouped.setdefault((call.source, call.target), []).append(call)
        paths: list[_Path] = []
        for (source, target), calls in grouped.items():
            start, end = self._item_of(source), self._item_of(target)
            if start is None or end is None:
                continue
            band = end.band or start.band
            lanes = [_Item(column, band, _LANE) for column in range(start.column + 1, end.column)]
            self._items += lanes
            items = [start, *lanes, end]
            if end.column > start.column:
                for one, other in itertools.pairwise(items):
                    one.behind.append(other)
                    other.before.append(one)
            paths.append(_Path(calls, items))
        return paths

    def _item_of(self, place: str) -> _Item | None:
        card = self._scene.card_of(place)
        return None if card is None else self._cards[card.id]

    def _in(self, column: int, band: str) -> list[_Item]:
        return [item for item in self._items if item.column == column and item.band == band]

    def _order(self, *, rightward: bool) -> None:
        """Put the items of each column where their neighbours on one side stand."""
        wanted: dict[int, float] = {}
        for item in self._items:
            near = item.before if rightward else item.behind
            wanted[id(item)] = sum(one.middle for one in near) / len(near) if near else item.middle
        self._items.sort(key=lambda item: (wanted[id(item)], item.card.id if item.card else ""))

    def _stack(self) -> None:
        """Give every item its place below the one before, each column in the middle of its band."""
        top = float(MARGIN)
        inner = range(self._last)
        for band in self._bands:
            stacks = [self._in(column, band) for column in inner]
            tall = max((_tall(stack) for stack in stacks), default=0)
            for stack in stacks:
                _pile(stack, top + _BAND_LABEL + (tall - _tall(stack)) / 2)
            top += _BAND_LABEL + tall + _BAND_PADDING + _BAND_GAP
        whole = max(top - _BAND_GAP - MARGIN, *(_tall(self._in(column, "")) for column in (-1, self._last)))
        for column in (-1, self._last):
            stack = self._in(column, "")
            _pile(stack, MARGIN + max(0.0, (whole - _tall(stack)) / 2))

    def _frames(self) -> list[Frame]:
        frames: list[Frame] = []
        for band in self._bands:
            items = [item for item in self._items if item.band == band]
            top = min(item.y for item in items) - _BAND_LABEL
            bottom = max(item.y + item.height for item in items) + _BAND_PADDING
            left = self._x(0) - _BAND_PADDING
            right = self._x(self._last - 1) + CARD_WIDTH + _BAND_PADDING
            count = sum(item.card is not None for item in items)
            frames.append(Frame(band, left, top, right - left, bottom - top, count))
        return frames

    def _wires(self) -> list[Wire]:
        outs, ins = _ports(self._paths, outgoing=True), _ports(self._paths, outgoing=False)
        wires: list[Wire] = []
        for path in self._paths:
            start, *lanes, end = path.items
            points: list[Point] = [(self._x(start.column) + CARD_WIDTH, outs[id(path)])]
            for lane in lanes:
                points += [(self._x(lane.column), lane.middle), (self._x(lane.column) + CARD_WIDTH, lane.middle)]
            back = end.column <= start.column
            points.append((self._x(end.column) + (CARD_WIDTH if back else 0), ins[id(path)]))
            title = "\n".join(dict.fromkeys(told(self._scene, call) for call in path.calls))
            wires.append(Wire(tuple(points), kind_of(self._scene, path.calls[0]), title, len(path.calls)))
        return wires


def _ports(paths: Iterable[_Path], *, outgoing: bool) -> Mapping[int, float]:
    """Where each wire leaves or reaches its card: at its row, or spread over the card's side in the order of the other
    ends."""
    found: dict[int, float] = {}
    by_card: dict[int, list[_Path]] = {}
    for path in paths:
        end = path.items[0] if outgoing else path.items[-1]
        place = path.calls[0].source if outgoing else path.calls[0].target
        assert end.card is not None  # noqa: S101 - both ends of a path are cards
        row = Placed(end.card, 0, end.y, 0, 0).row_y(place)
        if row is not None:
            found[id(path)] = row
        else:
            by_card.setdefault(id(end), []).append(path)
    for group in by_card.values():
        end = group[0].items[0 if outgoing else -1]
        group.sort(key=lambda path: path.items[1 if outgoing else -2].middle)
        room = end.height - HEADER
        step = min(14.0, room / max(1, len(group) - 1))
        for index, path in enumerate(group):
            found[id(path)] = end.y + HEADER / 2 + index * step
    return found


def _tall(stack: Iterable[_Item]) -> float:
    heights = [item.height for item in stack]
    return sum(heights) + BETWEEN * max(0, len(heights) - 1)


def _pile(stack: Iterable[_Item], y: float) -> None:
    for item in stack:
        item.y = y
        y += item.height + BETWEEN


def _depths(scene: Scene) -> dict[str, int]:
    """The column of each app: behind every app that calls it. A circle of calls is cut where it closes."""
    called: dict[str, list[str]] = {card.id: [] for card in scene.apps}
    for call in scene.calls:
        if call.source in called and call.target in called:
            called[call.source].append(call.target)
    finished: dict[str, None] = {}
    onward: dict[str, list[str]] = {}
    for first in called:
        above: list[str] = []
        waiting = [first]
        while waiting:
            app = waiting.pop()
            if app in above:
                # Everything below it has been seen.
                above.remove(app)
                finished.setdefault(app)
            elif app not in finished:
                above.append(app)
                onward[app] = [target for target in called[app] if target not in above]
                waiting += [app, *(target for target in onward[app] if target not in finished)]
    depths = dict.fromkeys(called, 0)
    for app in reversed(finished):
        for target in onward[app]:
            depths[target] = max(depths[target], depths[app] + 1)
    return depths
