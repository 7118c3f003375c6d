"""Elements of an HTML page, built as a tree: whatever a declaration says is text there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as Xml

if TYPE_CHECKING:
    from collections.abc import Sequence

Element = Xml.Element

Verdict = Literal["", "good", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Table:
    """A section of the page. `verdicts` colour the cell of a row that says how it went, in the column `judged`."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    verdicts: Sequence[Verdict] = ()
    judged: int = -1


def element(parent: Element, name: str, text: str = "", /, **attributes: str) -> Element:
    """`class_` is the attribute class."""
    made = Xml.SubElement(parent, name, {key.rstrip("_"): value for key, value in attributes.items()})
    made.text = "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)
    return made


def folded(parent: Element, summary: str, *, is_open: bool = False) -> Element:
    """A part that opens at a click, without a script."""
    made = element(parent, "details", **({"open": "open"} if is_open else {}))
    element(made, "summary", summary)
    return made


def table(parent: Element, content: Table) -> None:
    holder = element(element(parent, "div", class_="scrolls"), "table")
    head = element(element(holder, "thead"), "tr")
    for heading in content.headings:
        element(head, "th", heading, scope="col")
    body = element(holder, "tbody")
    for index, row in enumerate(content.rows):
        line = element(body, "tr")
        for column, cell in enumerate(row):
            verdict = content.verdicts[index] if column == content.judged and content.verdicts else ""
            element(line, "td", cell, **({"class_": verdict} if verdict else {}))


def document(title: str, style: str, body: Element) -> str:
    root = Xml.Element("html", lang="en")
    head = element(root, "head")
    element(head, "meta", charset="utf-8")
    element(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    # Whatever got into the page by mistake: no script runs, and nothing is asked of any server.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    Xml.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    element(head, "title", title)
    element(head, "style", style)
    root.append(body)
    return f"<!doctype html>\n{Xml.tostring(root, encoding='unicode', method='html')}\n"
