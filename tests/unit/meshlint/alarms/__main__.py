"""`python -m tests.unit.meshlint.alarms`: asks Istio's tools, counts, and writes docs/rules/false-alarms.md."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from lab.istio_validation import istio_validation
from lab.screen import Screen
from lab.toolchain import Toolchain
from tests.unit.meshlint.alarms import page, wrong
from tests.unit.meshlint.alarms.corpus import pieces
from tests.unit.meshlint.alarms.figures import measured


def main() -> int:
    """Measure, print, and write."""
    toolchain, screen = Toolchain(), Screen()
    validation = istio_validation(toolchain, screen)
    toolchain.ensure(["istio"], screen)
    listed = list(pieces())
    found = wrong.measured(
        listed, validator=validation.verdicts, crds=validation.crds, istioctl=toolchain.path("istioctl")
    )
    wrong.COMMITTED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    halves = measured(listed, found)
    print(page.table(halves))
    for alarm in halves["all"].false:
        print(f"  false: {alarm.found.severity} {alarm.found.code} {alarm.file} {alarm.found.message}")
    day = datetime.now(tz=UTC).date().isoformat()
    page.PAGE.write_text(page.page(halves, found, day=day), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
