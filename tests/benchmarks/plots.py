"""A series as a picture: `docs/benchmarks/NAME.png`, which says of which figures it is made."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from tests.benchmarks.figures import RESULTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.series import Plot

_MADE_OF = "Source"
"""The PNG's text of that name holds the digest of the JSON file."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by everybody (Okabe and Ito)."""


def draw(plot: Plot, name: str) -> None:
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for (label, points), colour in zip(plot.curves.items(), _COLOURS, strict=False):
            sizes, values = zip(*points, strict=True)
            axes.plot(sizes, values, marker="o", markersize=4, label=label, color=colour)
        axes.set(title=plot.title, xlabel=plot.size, ylabel=plot.figure, xscale="log", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        figure.savefig(_path(name), dpi=110, metadata={_MADE_OF: digest(name), "Software": None})


def _path(name: str) -> Path:
    return RESULTS / f"{name}.png"


def digest(name: str) -> str:
    """Of the series' figures."""
    return hashlib.sha256((RESULTS / f"{name}.json").read_bytes()).hexdigest()


def made_of(name: str) -> str | None:
    """The digest of the figures that a picture shows; None where there is no picture."""
    if not _path(name).exists():
        return None
    with Image.open(_path(name)) as picture:
        return picture.info.get(_MADE_OF)
