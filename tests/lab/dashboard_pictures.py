"""Dashboards as pictures: the JSON that ships, and what a real Prometheus answers to its queries.

Grafana is not run here. A picture shows where each panel stands, its title, unit, legend and lines, and not
Grafana's looks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.dates import DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.lab.prometheus import Prometheus

COLUMNS = 24
"""Of Grafana's grid."""

WIDTH, ROW = 12.8, 0.36
"""Inches: of a picture, and of one row of the grid. With 100 points to the inch, 1280 pixels."""

NAMED = 5
"""Series whose names stand below a panel; the others are counted."""

LETTERS = 110
"""Of a name that has the whole width of a picture."""

THEMES: Mapping[str, Mapping[str, str]] = {
    "light": {"page": "#f4f5f5", "panel": "#ffffff", "text": "#24292e", "faint": "#d8d9da"},
    "dark": {"page": "#111217", "panel": "#181b1f", "text": "#ccccdc", "faint": "#34373d"},
}
LINES = ("#2f8f46", "#c99000", "#2b7fb8", "#c4162a", "#8f3bb8", "#d9640c", "#0a9aa8", "#7c8a00", "#b3427d", "#56627a")


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    times: list[float]
    """Days, as matplotlib counts them."""
    values: list[float]


def lines_of(panel: Mapping[str, Any], prometheus: Prometheus, start: float, end: float, rate: str) -> list[Line]:
    """What a panel shows between two times. `rate`: in place of Grafana's $__rate_interval."""
    found: list[Line] = []
    for target in panel["targets"]:
        for series in prometheus.history(target["expr"].replace("$__rate_interval", rate), start, end):
            times = [float(date2num(datetime.fromtimestamp(at, UTC))) for at, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            found.append(Line(_named(target["legendFormat"], series["metric"]), times, values))
    return found


def _named(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), legend)


def said(value: float, unit: str) -> str:
    """A value in a unit of Grafana's, as short as an axis needs it."""
    if math.isnan(value):
        return "no value"
    match unit:
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "Bps":
            for prefix in ("", "k", "M"):
                if abs(value) < 1000:
                    return f"{value:.3g} {prefix}B/s"
                value /= 1000
            return f"{value:.3g} GB/s"
        case "s" if abs(value) < 1:
            return f"{value * 1000:.3g} ms"
        case "short":
            return f"{value:.4g}"
        case "d":
            return f"{value:,.0f} days"
        case _:
            return f"{value:.3g} {({'reqps': 'req/s', 'cps': 'c/s'}).get(unit, unit)}"


def draw(dashboard: Mapping[str, Any], lines: Mapping[str, Sequence[Line]], theme: str, file: Path) -> None:
    """One picture (PNG). `lines`: those of each panel, by its title."""
    colour = THEMES[theme]
    depth = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) + 2
    style: dict[Any, Any] = {"font.family": "DejaVu Sans", "font.size": 7.5, "text.color": colour["text"]}
    style |= {"xtick.color": colour["text"], "ytick.color": colour["text"], "axes.edgecolor": colour["faint"]}
    with rc_context(style):
        figure = Figure(figsize=(WIDTH, depth * ROW), facecolor=colour["page"])
        figure.text(0.01, 1 - 1.2 / depth, dashboard["title"], fontsize=13, weight="bold", va="center")
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            left, width = place["x"] / COLUMNS, place["w"] / COLUMNS
            top = 1 - (place["y"] + 2) / depth
            if panel["type"] == "row":
                figure.text(
                    left + 0.01, top - 0.5 / depth, f"▾ {panel['title']}", fontsize=9.5, weight="bold", va="center"
                )
            else:
                _panel(figure, panel, lines[panel["title"]], (left, top, width, place["h"] / depth), depth, colour)
        figure.savefig(file, dpi=100)


def _panel(
    figure: Figure,
    panel: Mapping[str, Any],
    lines: Sequence[Line],
    place: tuple[float, float, float, float],
    depth: int,
    colour: Mapping[str, str],
) -> None:
    left, top, width, height = place
    card = figure.add_axes((left + 0.004, top - height + 0.12 / depth, width - 0.008, height - 0.24 / depth))
    card.set(facecolor=colour["panel"], xticks=(), yticks=())
    figure.text(left + 0.012, top - 0.75 / depth, panel["title"], fontsize=9, weight="bold", va="center")
    named = [*lines[:NAMED]]
    rows = max(len(named) + (len(lines) > NAMED), 1)
    # Below the lines: their times, and a line of text for each name.
    foot = (0.9 + 0.42 * rows) / depth
    axes = figure.add_axes((left + 0.055, top - height + foot, width - 0.075, height - foot - 1.3 / depth))
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.set_facecolor(colour["panel"])
    axes.grid(visible=True, color=colour["faint"], linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value, unit)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S"))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    for number, line in enumerate(lines):
        axes.plot(line.times, line.values, color=LINES[number % len(LINES)], linewidth=1.2)
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.05)
    for number, line in enumerate(named):
        at = top - height + (0.35 + 0.42 * (rows - number - 1)) / depth
        room = int(LETTERS * width)
        name = line.name if len(line.name) <= room else f"…{line.name[1 - room :]}"
        figure.text(left + 0.012, at, "▬", color=LINES[number % len(LINES)], va="center")
        figure.text(left + 0.026, at, name or panel["title"], va="center")
        figure.text(left + width - 0.012, at, said(line.values[-1], unit), va="center", ha="right")
    if len(lines) > NAMED:
        figure.text(left + 0.026, top - height + 0.35 / depth, f"and {len(lines) - NAMED} more", va="center")
    if not lines:
        axes.text(0.5, 0.5, "No data", ha="center", va="center", transform=axes.transAxes)
