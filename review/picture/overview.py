"""Many apps: each namespace is a box of chips, and calls between two boxes are one wire. Details are in the tooltips,
and in the pictures of single namespaces."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
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
from chatgpt_mesh.review.picture.scene import Row

if TYPE_CHECKING:
    from chatgpt_mesh.review.picture.scene import Call, Card, Scene

MOST_CARDS = 12
"""Apps up to which each is drawn as a card."""

_CHIP_WIDTH, _CHIP_HEIGHT, _CHIP_GAP, _IN_A_ROW = 146, 34, 8, 4
_LABEL, _PADDING, _FOOT = 28, 12, 18
_FRAME_WIDTH = _IN_A_ROW * _CHIP_WIDTH + (_IN_A_ROW - 1) * _CHIP_GAP + 2 * _PADDING
_MOST_ROWS = 10


def overview(scene: Scene) -> Layout:
    layout = Layout(scene.title)
    left = MARGIN + CARD_WIDTH + GAP
    right = left + _FRAME_WIDTH + GAP
    _place_namespaces(layout, scene, left)
    inner = max((frame.y + frame.height for frame in layout.frames), default=MARGIN)
    entering = [_short(card) for card in scene.cards if card.kind in ("public", "internal", "callers")]
    leaving = [_short(card) for card in scene.cards if card.kind in ("egress", "outside")]
    bottom = max(_pile(layout, entering, MARGIN, inner), _pile(layout, leaving, right, inner), inner)
    layout.width, layout.height = right + CARD_WIDTH + MARGIN, bottom + MARGIN
    layout.wires = _wires(layout, scene)
    return layout


def _place_namespaces(layout: Layout, scene: Scene, x: float) -> None:
    y = float(MARGIN)
    for namespace in sorted({card.namespace for card in scene.apps}):
        cards = [card for card in scene.apps if card.namespace == namespace]
        for index, card in enumerate(cards):
            row, column = divmod(index, _IN_A_ROW)
            at = (x + _PADDING + column * (_CHIP_WIDTH + _CHIP_GAP), y + _LABEL + row * (_CHIP_HEIGHT + _CHIP_GAP))
            layout.placed.append(Placed(card, *at, _CHIP_WIDTH, _CHIP_HEIGHT, chip=True))
        rows = -(-len(cards) // _IN_A_ROW)
        foot = _foot(scene, namespace)
        height = _LABEL + rows * (_CHIP_HEIGHT + _CHIP_GAP) - _CHIP_GAP + _PADDING + (_FOOT if foot else 0)
        layout.frames.append(Frame(namespace, x, y, _FRAME_WIDTH, height, len(cards), foot))
        y += height + BETWEEN


def _foot(scene: Scene, namespace: str) -> str:
    """Which other namespaces it calls, and how often: wires between ten boxes of one column would be a knot."""
    called: Counter[str] = Counter()
    for call in scene.calls:
        if call.kind == "call" and _box(scene, call.source) == namespace != _box(scene, call.target):
            called[_box(scene, call.target)] += 1
    return "calls " + ", ".join(f"{name} {number}" for name, number in called.most_common()) if called else ""


def _short(card: Card) -> Card:
    """With as many rows as one reads; the rest is counted, and listed in the tooltip."""
    if len(card.rows) <= _MOST_ROWS:
        return card
    hidden = card.rows[_MOST_ROWS - 1 :]
    rows = (*card.rows[: _MOST_ROWS - 1], Row(f"and {len(hidden)} more", kind="muted"))
    return replace(card, rows=rows, details=(*card.details, *(row.text for row in hidden)))


def _pile(layout: Layout, cards: list[Card], x: float, inner: float) -> float:
    heights = [height_of(card) for card in cards]
    y = max(float(MARGIN), (inner - sum(heights) - BETWEEN * (len(heights) - 1)) / 2)
    for card, height in zip(cards, heights, strict=True):
        layout.placed.append(Placed(card, x, y, CARD_WIDTH, height))
        y += height + BETWEEN
    return y - BETWEEN


def _wires(layout: Layout, scene: Scene) -> list[Wire]:
    """One for each pair of a gateway, namespace or way out that calls go between."""
    groups: dict[tuple[str, str], list[Call]] = {}
    for call in scene.calls:
        groups.setdefault((_box(scene, call.source), _box(scene, call.target)), []).append(call)
    frames = {frame.namespace: frame for frame in layout.frames}
    cards = {placed.card.id: placed for placed in layout.placed if not placed.chip}
    used: dict[str, int] = {}
    wires: list[Wire] = []
    for (source, target), calls in sorted(groups.items()):
        if source in frames and target in frames:
            continue
        start, end = frames.get(source) or cards.get(source), frames.get(target) or cards.get(target)
        if start is None or end is None:
            continue
        title = "\n".join(dict.fromkeys(told(scene, call) for call in calls))
        out, into = (_port(used, f"{source} out", start), _port(used, f"{target} in", end))
        points = ((start.x + start.width, out), (end.x, into))
        wires.append(Wire(points, kind_of(scene, calls[0]), title, len(calls)))
    return wires


def _port(used: dict[str, int], side: str, box: Frame | Placed) -> float:
    index = used[side] = used.get(side, -1) + 1
    return box.y + HEADER / 2 + (index * 9) % max(1.0, box.height - HEADER)


def _box(scene: Scene, place: str) -> str:
    card = scene.card_of(place)
    if card is None:
        return ""
    return card.namespace if card.kind == "app" else card.id
