"""Writes the files anew: `make golden`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.surroundings import surroundings
from tests.unit.golden import files

with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path)
