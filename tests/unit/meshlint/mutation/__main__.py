"""`python -m tests.unit.meshlint.mutation [--each N] [--generated N]`: prints the figures and writes both pages."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.surroundings import ROOT, surroundings
from tests.unit.meshlint.mutation import fields, judged
from tests.unit.meshlint.mutation.meshes import meshes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.unit.meshlint.mutation", description=__doc__)
    parser.add_argument("--each", type=int, default=12, help="mistakes that count, of each kind (default: 12)")
    parser.add_argument("--generated", type=int, default=12, help="generated stacks (default: 12)")
    arguments = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        correct = list(meshes(arguments.generated))
        tallies = judged.judged(correct, arguments.each, say=lambda said: print(said, flush=True))
    day = datetime.now(tz=UTC).date().isoformat()
    text = judged.page(tallies, correct, day=day, commit=commit.stdout.strip())
    judged.PAGE.write_text(text, encoding="utf-8")
    print(judged.line(judged.total(tallies)))
    fields.PAGE.write_text(fields.page(fields.run()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
