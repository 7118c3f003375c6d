"""A scene as a Mermaid flowchart, which GitHub and GitLab draw in comments and pages: https://mermaid.js.org/syntax/flowchart.html

Texts stand in quotes with every character that means something to Mermaid or HTML as its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.review.picture.overview import MOST_CARDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chatgpt_mesh.review.picture.scene import Call, Card, Scene

_CLASSES = """\
classDef public stroke:#0969da,stroke-width:2px
classDef internal stroke:#1a7f64,stroke-width:2px
classDef egress stroke:#8250df,stroke-width:2px
classDef error stroke:#cf222e,stroke-width:3px
classDef warning stroke:#9a6700,stroke-width:3px
classDef exception stroke:#bc4c00,stroke-width:3px
classDef new stroke:#1a7f37,stroke-width:3px
classDef gone stroke:#cf222e,stroke-width:3px,stroke-dasharray:5 4
classDef changed stroke:#bf8700,stroke-width:3px"""

_SIGNS = {"error": "finding: ", "warning": "warning: ", "exception": ""}


@dataclass(frozen=True, slots=True)
class _Node:
    key: str
    lines: tuple[str, ...]
    kind: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Link:
    source: str
    target: str
    label: str = ""
    kind: str = ""


def mermaid(scene: Scene) -> str:
    """The whole scene; many apps as one node for each namespace."""
    many = len(scene.apps) > MOST_CARDS and not scene.as_cards
    nodes: dict[str, _Node] = {}
    for card in scene.cards:
        if many and card.kind == "app":
            count = sum(other.namespace == card.namespace for other in scene.apps)
            nodes[card.namespace] = _Node(card.namespace, (f"namespace {card.namespace}", f"{count} apps"))
        else:
            worst = next((one for one in _SIGNS if any(mark.severity == one for mark in card.marks)), "")
            nodes[card.id] = _Node(
                card.id, tuple(_lines(card)), worst or card.kind, card.namespace if card.kind == "app" else ""
            )
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in scene.calls:
        ends = (_node_of(scene, call.source, many), _node_of(scene, call.target, many))
        if ends[0] != ends[1]:
            grouped.setdefault(ends, []).append(call)
    links = [_Link(*ends, f"{len(calls)} calls" if many else _label(calls)) for ends, calls in grouped.items()]
    return _flowchart(nodes.values(), links)


def changed(before: Scene, now: Scene) -> str:
    """What differs of two scenes, with its neighbours; empty where nothing does."""
    old, new = {card.id: card for card in before.cards}, {card.id: card for card in now.cards}
    was, is_ = _ends(before), _ends(now)
    states = {key: _state(old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])}
    links = [
        _Link(
            *ends, _label(is_.get(ends) or was[ends]), "new" if ends not in was else "gone" if ends not in is_ else ""
        )
        for ends in dict.fromkeys([*was, *is_])
    ]
    touched = {key for key, state in states.items() if state}
    shown = [link for link in links if link.kind or link.source in touched or link.target in touched]
    keys = touched | {end for link in shown for end in (link.source, link.target)}
    nodes = [
        _Node(key, tuple(_changed_lines(old.get(key), new.get(key))), states[key], _group(new.get(key) or old.get(key)))
        for key in states
        if key in keys
    ]
    return _flowchart(nodes, shown) if nodes else ""


def _group(card: Card | None) -> str:
    return card.namespace if card is not None and card.kind == "app" else ""


def _state(old: Card | None, new: Card | None) -> str:
    if old is None or new is None:
        return "new" if old is None else "gone"
    return "changed" if (old.rows, old.versions, old.marks) != (new.rows, new.versions, new.marks) else ""


def _changed_lines(old: Card | None, new: Card | None) -> list[str]:
    """The name, and of a card that both have the lines that only one has."""
    if old is None or new is None:
        card = new or old
        return [] if card is None else list(_lines(card))
    before, now = list(_lines(old)), list(_lines(new))
    gone = [f"gone: {line}" for line in before if line not in now]
    return [new.title, *gone, *(f"new: {line}" for line in now if line not in before)]


def _ends(scene: Scene) -> Mapping[tuple[str, str], list[Call]]:
    found: dict[tuple[str, str], list[Call]] = {}
    for call in scene.calls:
        found.setdefault((_node_of(scene, call.source, False), _node_of(scene, call.target, False)), []).append(call)
    return found


def _node_of(scene: Scene, place: str, many: bool) -> str:
    card = scene.card_of(place)
    if card is None:
        return place
    return card.namespace if many and card.kind == "app" else card.id


def _lines(card: Card) -> Iterable[str]:
    yield card.title
    for row in card.rows:
        yield row.text
    if card.versions:
        yield " · ".join(f"{name} {percent} %" for name, percent in card.versions)
    for mark in card.marks:
        yield f"{_SIGNS[mark.severity]}{mark.text}"


_LONGEST_LABEL = 40


def _label(calls: Iterable[Call]) -> str:
    said = ", ".join(dict.fromkeys(call.label for call in calls))
    return said if len(said) <= _LONGEST_LABEL else f"{said[: _LONGEST_LABEL - 1]}…"


def _flowchart(nodes: Iterable[_Node], links: Iterable[_Link]) -> str:
    listed = list(nodes)
    ids = {node.key: f"n{index}" for index, node in enumerate(listed)}
    lines = ["flowchart LR"]
    for index, group in enumerate(dict.fromkeys(node.group for node in listed)):
        within = [
            f'{ids[node.key]}["{"<br/>".join(map(_escaped, node.lines))}"]' for node in listed if node.group == group
        ]
        if group:
            lines += [f'subgraph s{index}["{_escaped(f"namespace {group}")}"]', *(f"  {one}" for one in within), "end"]
        else:
            lines += within
    drawn = [link for link in links if link.source in ids and link.target in ids]
    for link in drawn:
        label = f'|"{_escaped(link.label)}"|' if link.label else ""
        arrow = "-.->" if link.kind == "gone" else "-->"
        lines.append(f"{ids[link.source]} {arrow}{label} {ids[link.target]}")
    classes = _CLASSES.splitlines()
    known = {line.split()[1] for line in classes}
    used = {node.kind for node in listed}
    lines += [line for line in classes if line.split()[1] in used]
    lines += [f"class {ids[node.key]} {node.kind}" for node in listed if node.kind in known]
    for index, link in enumerate(drawn):
        if link.kind:
            colour = "#1a7f37" if link.kind == "new" else "#cf222e"
            lines.append(f"linkStyle {index} stroke:{colour},stroke-width:3px")
    return "\n".join(lines) + "\n"


_MEANS_SOMETHING = re.compile(r"[^A-Za-z0-9 .,:/%()=_·→-]")


def _escaped(text: str) -> str:
    """Everything but letters, digits and harmless marks as an entity: https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters"""
    return _MEANS_SOMETHING.sub(lambda match: f"#{ord(match[0])};", " ".join(text.split()))
