"""The page: picture, who reaches what, findings, and whatever tables somebody adds (behaviours, benchmarks).

One file, without scripts, fonts, links to other servers or any need of a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from chatgpt_mesh.review.changes.sentence import listed_words
from chatgpt_mesh.review.page.document import Table, document, element, folded, table
from chatgpt_mesh.review.page.reach import matrices, shown
from chatgpt_mesh.review.picture.overview import MOST_CARDS
from chatgpt_mesh.review.picture.scene import scene
from chatgpt_mesh.review.picture.svg import DARK, LIGHT, STYLE, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.review.page.document import Element
    from chatgpt_mesh.review.page.reach import Cell, Matrix
    from chatgpt_mesh.review.version import Version

_OPEN, _TOKEN = "●", "◐"


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


_PAGE_STYLE = f"""
:root{{{_variables(LIGHT)}color-scheme:light dark}}
@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
:root[data-theme=light]{{{_variables(LIGHT)}color-scheme:light}}
:root[data-theme=dark]{{{_variables(DARK)}color-scheme:dark}}
body{{margin:0 auto;max-width:1240px;padding:24px 20px 64px;background:var(--paper);color:var(--ink);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}}
h1{{font-size:22px;margin:0 0 2px}}
h2{{font-size:17px;margin:36px 0 8px;padding-top:12px;border-top:1px solid var(--line)}}
h3{{font-size:14px;margin:18px 0 6px}}p{{margin:4px 0 10px;max-width:88ch}}.muted,p.note{{color:var(--muted)}}
nav{{display:flex;flex-wrap:wrap;gap:4px 16px;margin:10px 0 0}}a{{color:var(--public)}}
.scrolls{{overflow-x:auto;border:1px solid var(--line);border-radius:8px}}
table{{border-collapse:collapse;width:100%;font-size:13px}}
th,td{{text-align:left;vertical-align:top;padding:6px 10px;border-bottom:1px solid var(--line)}}
tr:last-child>td,tr:last-child>th{{border-bottom:0}}thead th{{background:var(--frame);white-space:nowrap}}
tbody th{{font-weight:500;white-space:nowrap}}td.number{{text-align:right}}
td.cell{{font-size:12px;min-width:120px}}td.none{{color:var(--muted)}}td.open>b{{color:var(--internal)}}
td.token>b{{color:var(--public)}}.good{{color:var(--internal);font-weight:600}}.bad{{color:var(--error);font-weight:600}}
.unknown{{color:var(--muted)}}td.good,td.bad,td.unknown{{white-space:nowrap}}
details{{margin:8px 0}}summary{{cursor:pointer;font-weight:500;padding:2px 0}}
.picture{{overflow-x:auto;border:1px solid var(--line);border-radius:8px;padding:4px}}
.picture svg{{display:block;max-width:100%;height:auto;margin:0 auto}}li.error{{color:var(--error)}}
li.warning{{color:var(--warning)}}li.exception{{color:var(--exception)}}
@media (max-width:760px){{body{{padding:14px 10px 40px}}.picture svg{{max-width:none}}}}
@media print{{details>*{{display:block}}}}
""".strip()


def page(version: Version, *, tables: Sequence[Table] = (), day: str = "") -> str:
    """`tables` are further sections; `day` is when it was made."""
    body = Xml.Element("body")
    element(body, "h1", f"Mesh of the stack {version.name}")
    spec = version.settings
    counts = f"{len(spec.apps)} apps, {len(spec.gateways)} gateways, {len(version.objects)} objects"
    element(body, "p", f"{counts}{f', as of {day}' if day else ''}", class_="muted")
    titles = ["Picture", "Who reaches what", "Findings and exceptions", *(one.title for one in tables)]
    links = element(body, "nav")
    for title in titles:
        element(links, "a", title, href=f"#{_id(title)}")
    _picture(_section(body, titles[0]), version)
    _reach(_section(body, titles[1]), version)
    _findings(_section(body, titles[2]), version)
    for one in tables:
        section = _section(body, one.title)
        if one.note:
            element(section, "p", one.note, class_="note")
        table(section, one)
    return document(f"Mesh of the stack {version.name}", f"{_PAGE_STYLE}\n{STYLE}", body)


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")


def _section(body: Element, title: str) -> Element:
    section = element(body, "section")
    element(section, "h2", title, id=_id(title))
    return section


def _picture(section: Element, version: Version) -> None:
    whole = scene(version)
    element(section, "div", class_="picture").append(drawing(whole, style=False))
    if len(whole.apps) > MOST_CARDS:
        for namespace in sorted({card.namespace for card in whole.apps}):
            part = folded(section, f"Apps of {namespace}")
            element(part, "div", class_="picture").append(drawing(whole.around(namespace), style=False))


def _reach(section: Element, version: Version) -> None:
    made, asked = matrices(version)
    note = (
        f"{_OPEN} without a token, {_TOKEN} with one that the host takes; empty: refused. Answers of the linter to "
        f"{asked:,} requests, by the objects that this declaration stands for; clients outside show a certificate "
        "where a gateway asks for one."
    )
    element(section, "p", note, class_="note")
    for index, matrix in enumerate(made):
        part = folded(section, f"{matrix.title} ({len(matrix.hosts)})", is_open=len(made) <= 6 or index == 0)
        reached = {host for cells in matrix.cells.values() for host in cells}
        if matrix.cells:
            _matrix(part, matrix, [host for host in matrix.hosts if host in reached])
        rest = [host for host in matrix.hosts if host not in reached]
        said = [f"Nobody reaches {listed_words(rest)} by itself."] if rest else []
        if matrix.without and matrix.cells:
            others = "One other reaches" if matrix.without == 1 else f"{matrix.without} others reach"
            said.append(f"{others} nothing here.")
        element(part, "p", " ".join(said), class_="note")


def _matrix(parent: Element, matrix: Matrix, hosts: Sequence[str]) -> None:
    """The longer side goes down, so that the page is not wider than a screen."""
    callers = list(matrix.cells)
    down = len(hosts) > len(callers)
    holder = element(element(parent, "div", class_="scrolls"), "table")
    head = element(element(holder, "thead"), "tr")
    element(head, "th", "to \\ from" if down else "from \\ to", scope="col")
    for name in callers if down else hosts:
        element(head, "th", name, scope="col")
    body = element(holder, "tbody")
    for name in hosts if down else callers:
        line = element(body, "tr")
        element(line, "th", name, scope="row")
        for other in callers if down else hosts:
            caller, host = (other, name) if down else (name, other)
            _cell(line, matrix.cells[caller].get(host))


def _cell(line: Element, cell: Cell | None) -> None:
    if cell is None:
        element(line, "td", "", class_="none")
        return
    made = element(line, "td", class_="cell open" if cell.open else "cell token")
    made.set("title", "\n".join([*cell.open, *(f"{one} with a token" for one in cell.with_token)]))
    for sign, whats in ((_OPEN, cell.open), (_TOKEN, cell.with_token)):
        for what in shown(whats):
            element(made, "b", sign).tail = f" {what}"
            element(made, "br")


def _findings(section: Element, version: Version) -> None:
    found = scene(version)
    marks = [(card.title, mark) for card in found.cards for mark in card.marks] + [("", one) for one in found.marks]
    if not marks:
        element(section, "p", "The linter finds nothing, and nothing is excepted.")
        return
    listed = element(section, "ul")
    for title, mark in marks:
        said = f"{title}: {mark.text}" if title and not mark.text.startswith(f"apps.{title}") else mark.text
        element(listed, "li", said, class_=mark.severity)
