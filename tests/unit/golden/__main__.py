"""Writes the files anew: `make golden`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.surroundings import STACKS, surroundings
from tests.unit.golden import HERE, rendered

with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
    for stack in STACKS:
        (HERE / f"{stack}.yaml").write_text(rendered(stack), encoding="utf-8")
        print(HERE / f"{stack}.yaml")
