"""`python -m tests.unit.meshlint.mutation [--seed N]`: prints the figures and writes that seed's part of the pages."""

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
    parser.add_argument("--each", type=int, default=10, help="mistakes that count, of each kind (default: 10)")
    parser.add_argument("--generated", type=int, default=8, help="generated stacks (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the generated stacks and the mistakes (default: 0)")
    arguments = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        correct = list(meshes(arguments.generated, arguments.seed))
        tallies = judged.judged(correct, arguments.each, say=lambda said: print(said, flush=True), seed=arguments.seed)
    day = datetime.now(tz=UTC).date().isoformat()
    known = judged.sections(judged.PAGE.read_text(encoding="utf-8")) if judged.PAGE.exists() else {}
    known[arguments.seed] = judged.section(tallies, correct, seed=arguments.seed, day=day, commit=commit.stdout.strip())
    judged.PAGE.write_text(judged.page(known), encoding="utf-8")
    print(judged.line(judged.total(tallies)))
    fields.PAGE.write_text(fields.page(fields.run()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
