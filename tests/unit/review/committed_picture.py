"""The picture in the README: `python -m tests.unit.review.committed_picture > docs/prod.svg`."""

from __future__ import annotations

from datetime import date

from chatgpt_mesh.review.picture.scene import scene
from chatgpt_mesh.review.picture.svg import svg
from chatgpt_mesh.review.version import Version
from tests.surroundings import ROOT

FILE = ROOT / "docs" / "prod.svg"

TODAY = date(2026, 11, 24)
"""A picture shows what will run out, so it is drawn as on one day."""


def picture() -> str:
    return svg(scene(Version.read("prod", ROOT / "Pulumi.prod.yaml", TODAY)))


if __name__ == "__main__":
    print(picture(), end="")
