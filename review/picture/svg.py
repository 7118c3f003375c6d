"""A layout as SVG: one file without scripts, fonts or links, in the colours that the reader's browser prefers.

Texts go into the tree as texts, never into markup, so no name of a declaration can become an element.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from chatgpt_mesh.review.picture.columns import columns
from chatgpt_mesh.review.picture.layout import BAR, HEADER, ROW
from chatgpt_mesh.review.picture.overview import MOST_CARDS, overview
from chatgpt_mesh.review.picture.text import fitted, fitted_name, width

if TYPE_CHECKING:
    from chatgpt_mesh.review.picture.layout import Frame, Layout, Placed, Wire
    from chatgpt_mesh.review.picture.scene import Scene

LIGHT = {
    "paper": "#ffffff", "frame": "#f4f6f8", "line": "#c9d1d9", "card": "#ffffff", "ink": "#1f2328", "muted": "#59636e",
    "public": "#0969da", "internal": "#1a7f64", "egress": "#8250df", "app": "#57606a", "wire": "#8c959f",
    "share1": "#0969da", "share2": "#bf8700", "share3": "#1a7f64", "share4": "#8250df",
    "error": "#cf222e", "warning": "#8f6000", "exception": "#bc4c00",
}  # fmt: skip
DARK = {
    "paper": "#0d1117", "frame": "#151b23", "line": "#3d444d", "card": "#1b222c", "ink": "#f0f6fc", "muted": "#9ea7b3",
    "public": "#58a6ff", "internal": "#3fb994", "egress": "#b78cff", "app": "#8b949e", "wire": "#6e7681",
    "share1": "#388bfd", "share2": "#d29922", "share3": "#3fb994", "share4": "#a371f7",
    "error": "#ff7b72", "warning": "#e3b341", "exception": "#ffa657",
}  # fmt: skip


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


KINDS = ("public", "internal", "egress")

STYLE = f"""
.mesh{{{_variables(LIGHT)}font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-size:11px}}
@media (prefers-color-scheme:dark){{.mesh{{{_variables(DARK)}}}}}
[data-theme=light] .mesh{{{_variables(LIGHT)}}}[data-theme=dark] .mesh{{{_variables(DARK)}}}
.mesh text{{fill:var(--ink)}}.mesh .muted{{fill:var(--muted)}}.mesh .strong{{font-weight:600;font-size:12.5px}}
.mesh .paper{{fill:var(--paper)}}.mesh .frame{{fill:var(--frame);stroke:var(--line)}}
.mesh .card{{fill:var(--card);stroke:var(--line)}}.mesh .label{{font-size:12px;font-weight:600;fill:var(--muted);
paint-order:stroke;stroke:var(--frame);stroke-width:4px}}
.mesh .wire{{fill:none;stroke:var(--wire);stroke-width:1.4}}.mesh .tip{{fill:var(--wire)}}
{"".join(f".mesh .wire.{kind}{{stroke:var(--{kind})}}.mesh .{kind}:not(.wire){{fill:var(--{kind})}}" for kind in KINDS)}
.mesh .edge.app,.mesh .edge.callers,.mesh .edge.called,.mesh .edge.outside{{fill:var(--app)}}
.mesh .share1{{fill:var(--share1)}}.mesh .share2{{fill:var(--share2)}}.mesh .share3{{fill:var(--share3)}}
.mesh .share4{{fill:var(--share4)}}
.mesh .error{{fill:var(--error)}}.mesh .warning{{fill:var(--warning)}}.mesh .exception{{fill:var(--exception)}}
""".strip()

_LEGEND = (
    ("public", "through a public gateway"),
    ("internal", "through an internal gateway"),
    ("call", "inside the mesh"),
    ("egress", "out through the egress gateway"),
    ("outside", "out without a gateway"),
    ("error", "finding: stops the program"),
    ("warning", "finding: warning"),
    ("exception", "exception with its last day"),
)
_LEGEND_HEIGHT = 34


def svg(scene: Scene) -> str:
    """A file of its own."""
    root = drawing(scene)
    Xml.indent(root, space="")
    return Xml.tostring(root, encoding="unicode") + "\n"


def drawing(scene: Scene, *, style: bool = True) -> Xml.Element:
    """The element `svg`; `style` is left out where the page around it has it already."""
    layout = columns(scene) if scene.as_cards or len(scene.apps) <= MOST_CARDS else overview(scene)
    return _Drawing(scene, layout, style=style).drawn()


class _Drawing:
    def __init__(self, scene: Scene, layout: Layout, *, style: bool) -> None:
        self._scene, self._layout = scene, layout
        self._height = layout.height + _LEGEND_HEIGHT + len(scene.marks) * ROW
        box = f"0 0 {_n(layout.width)} {_n(self._height)}"
        self.root = Xml.Element(
            "svg", xmlns="http://www.w3.org/2000/svg", viewBox=box, width=_n(layout.width), height=_n(self._height)
        )
        self.root.set("class", "mesh")
        self.root.set("role", "img")
        _leaf(self.root, "title", scene.title)
        if style:
            _leaf(self.root, "style", STYLE)

    def drawn(self) -> Xml.Element:
        _rect(self.root, "paper", 0, 0, self._layout.width, self._height, 0)
        for frame in self._layout.frames:
            _rect(self.root, "frame", frame.x, frame.y, frame.width, frame.height, 8)
        for wire in self._layout.wires:
            self._wire(wire)
        for frame in self._layout.frames:
            self._label(frame)
        for placed in self._layout.placed:
            (self._chip if placed.chip else self._card)(placed)
        self._foot()
        return self.root

    def _label(self, frame: Frame) -> None:
        group = Xml.SubElement(self.root, "g")
        count = f" · {frame.count} apps" if frame.count > 1 else ""
        said = fitted(f"namespace {frame.namespace}{count}", frame.width - 24, 12, bold=True)
        _text(group, "label", frame.x + 12, frame.y + 17, said)
        if frame.foot:
            _leaf(group, "title", frame.foot)
            said = fitted(frame.foot, frame.width - 24, 11)
            _text(group, "muted", frame.x + 12, frame.y + frame.height - 10, said)

    def _wire(self, wire: Wire) -> None:
        group = Xml.SubElement(self.root, "g")
        _leaf(group, "title", wire.title)
        line = Xml.SubElement(group, "path", {"class": f"wire {wire.kind}", "d": _curve(wire)})
        if wire.calls > 1:
            line.set("stroke-width", _n(min(4.0, 1.4 + wire.calls / 12)))
        (x, y), back = wire.points[-1], wire.points[-1][0] <= wire.points[0][0]
        reach = 6 if back else -6
        tip = f"M{_n(x)} {_n(y)}L{_n(x + reach)} {_n(y - 3.5)}L{_n(x + reach)} {_n(y + 3.5)}Z"
        Xml.SubElement(group, "path", {"class": f"tip {wire.kind}", "d": tip})

    def _card(self, placed: Placed) -> None:
        card, x, y = placed.card, placed.x, placed.y
        group = Xml.SubElement(self.root, "g")
        told = (*card.details, *(mark.text for mark in card.marks))
        _leaf(group, "title", "\n".join(told) or card.title)
        _rect(group, "card", x, y, placed.width, placed.height, 7)
        _rect(group, f"edge {card.kind}", x, y + 6, 4, placed.height - 12, 2)
        room = placed.width - 24
        _text(group, "strong", x + 14, y + 19, fitted(card.title, room, 12.5, bold=True))
        at = y + HEADER + 11
        for row in card.rows:
            _text(group, row.kind if row.kind == "muted" else "", x + 14, at, fitted(row.text, room, 11))
            at += ROW
        if card.versions:
            _shares(group, placed, at - 8)
            at += BAR
        for mark in card.marks:
            _mark(group, mark.severity, x + 19, at - 4)
            _text(group, mark.severity, x + 30, at, fitted(mark.text, room - 16, 11))
            at += ROW

    def _chip(self, placed: Placed) -> None:
        card, x, y = placed.card, placed.x, placed.y
        group = Xml.SubElement(self.root, "g")
        _leaf(group, "title", "\n".join((*card.details, *(mark.text for mark in card.marks))))
        _rect(group, "card", x, y, placed.width, placed.height, 6)
        marks = list(dict.fromkeys(mark.severity for mark in card.marks))
        name = fitted_name(card.title, placed.width - 16 - 13 * len(marks), 11)
        _text(group, "", x + 9, y + (15 if card.versions else 21), name)
        for index, severity in enumerate(marks):
            _mark(group, severity, x + placed.width - 11 - 13 * index, y + 11)
        if card.versions:
            _bar(group, card.versions, x + 9, y + 22, placed.width - 18, 5)

    def _foot(self) -> None:
        x, y = 24.0, self._layout.height + 8
        for mark in self._scene.marks:
            _mark(self.root, mark.severity, x + 5, y - 4)
            _text(self.root, mark.severity, x + 16, y, fitted(mark.text, self._layout.width - 64, 11))
            y += ROW
        kinds = {wire.kind for wire in self._layout.wires}
        kinds |= {m.severity for card in self._scene.cards for m in card.marks} | {
            m.severity for m in self._scene.marks
        }
        for kind, said in _LEGEND:
            if kind not in kinds:
                continue
            if kind in ("error", "warning", "exception"):
                _mark(self.root, kind, x + 8, y - 4)
            else:
                line = f"M{_n(x)} {_n(y - 4)}L{_n(x + 18)} {_n(y - 4)}"
                Xml.SubElement(self.root, "path", {"class": f"wire {kind}", "d": line})
            _text(self.root, "muted", x + 24, y, said)
            x += 24 + width(said, 11) + 22


def _shares(group: Xml.Element, placed: Placed, y: float) -> None:
    """A bar of the versions' shares, and their names below it."""
    versions = placed.card.versions
    _bar(group, versions, placed.x + 14, y, placed.width - 28, 9)
    x = placed.x + 14
    for index, (name, percent) in enumerate(versions):
        Xml.SubElement(group, "circle", {"class": _share(index), "cx": _n(x + 4), "cy": _n(y + 19), "r": "3.5"})
        said = fitted(f"{name} {percent} %", placed.width / max(1, len(versions)) - 12, 11)
        _text(group, "", x + 12, y + 23, said)
        x += width(said, 11) + 24


def _bar(
    group: Xml.Element, versions: tuple[tuple[str, int], ...], x: float, y: float, room: float, tall: float
) -> None:
    for index, (_, percent) in enumerate(versions):
        part = room * percent / 100
        _rect(group, _share(index), x, y, max(part, 1.5), tall, 1.5)
        x += part


def _share(index: int) -> str:
    return f"share{index % 4 + 1}"


def _mark(group: Xml.Element, severity: str, x: float, y: float) -> None:
    """A triangle for what is wrong, a circle for what ends by itself: colour is not the only sign."""
    if severity == "exception":
        Xml.SubElement(group, "circle", {"class": severity, "cx": _n(x), "cy": _n(y), "r": "4.5"})
    else:
        shape = f"M{_n(x)} {_n(y - 5)}L{_n(x + 5.5)} {_n(y + 4.5)}L{_n(x - 5.5)} {_n(y + 4.5)}Z"
        Xml.SubElement(group, "path", {"class": severity, "d": shape})


def _curve(wire: Wire) -> str:
    (x, y), *rest = wire.points
    path = f"M{_n(x)} {_n(y)}"
    for to_x, to_y in rest:
        if to_x <= x:
            bend = x + 34 + min(40.0, abs(to_y - y) / 12)
            path += f"C{_n(bend)} {_n(y)} {_n(max(bend, to_x + 34))} {_n(to_y)} {_n(to_x)} {_n(to_y)}"
        elif to_y == y:
            path += f"H{_n(to_x)}"
        else:
            middle = (x + to_x) / 2
            path += f"C{_n(middle)} {_n(y)} {_n(middle)} {_n(to_y)} {_n(to_x)} {_n(to_y)}"
        x, y = to_x, to_y
    return path


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rect(group: Xml.Element, kind: str, x: float, y: float, wide: float, tall: float, round_: float) -> None:
    place = {"x": _n(x), "y": _n(y), "width": _n(wide), "height": _n(tall)}
    Xml.SubElement(group, "rect", {"class": kind, **place, **({"rx": _n(round_)} if round_ else {})})


def _text(group: Xml.Element, kind: str, x: float, y: float, said: str) -> None:
    element = _leaf(group, "text", said)
    element.set("x", _n(x))
    element.set("y", _n(y))
    if kind:
        element.set("class", kind)


_UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _leaf(group: Xml.Element, name: str, said: str) -> Xml.Element:
    element = Xml.SubElement(group, name)
    element.text = _UNPRINTABLE.sub("\ufffd", said)  # XML 1.0, section 2.2: no other characters
    return element
