"""docs/rules/false-alarms.md"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from chatgpt_mesh.istio_api import version
from meshlint.finding import Severity
from tests.repository import ROOT
from tests.unit.meshlint.alarms.figures import Half, by_code
from tests.unit.meshlint.alarms.looked_at import TRUE
from tests.unit.meshlint.alarms.wrong import Wrong

PAGE = ROOT / "docs" / "rules" / "false-alarms.md"

TEXT = """\
<!-- written by `make lint-quality` -->

# What the rules say about Istio's own files

Measured on {day} with Istio {release} by `make lint-quality` (this part alone: `python -m tests.unit.meshlint.alarms`),
in the default profile. The corpus is all YAML of Istio's module that is a sample or data of a test: `samples`,
`tests/integration`, `pkg/test/datasets`, and every directory `testdata`, without templates. Each file is linted on its
own, as a file of a directory that somebody names; a file that is a list of cases, each document on its own.

{table}

- *On wrong objects*: findings on objects that are wrong on purpose, which do not count. Istio's own tools decide that:
  its webhook and CRDs refuse the object, `istioctl analyze` warns of it, the tests of its analyzers expect a message
  about it, or the file's name says `invalid`. {wrong} objects ({sources}); the list is
  `tests/unit/meshlint/alarms/wrong.json`.
- *False*: an error or a warning on any other object, unless somebody has looked at it and found it true. Those stand
  below, each with its reason; a new one is a false alarm until it stands there.
- *Held out*: every other file, by the hash of its path. Severities were set with both halves in view; a rule is mended
  by what it says in the tuning half, and the other half says whether that was right.
- *Infos* are taste, Istio's defaults and what is worth knowing before an upgrade: they fail no run.

## Looked at, and true

| rule | findings | files | why |
|---|---|---|---|
{looked_at}

## Infos

{infos}

## The other way round

What Istio's analyzers are expected to report about hosts, gateways, subsets, selectors, injection labels and telemetry
is reported here too (`tests/unit/meshlint/test_false_alarms.py`).
"""

HEAD = """\
| half | files | objects | on wrong objects | errors | warnings | infos | false | per 100 objects | errors among them |
|---|---|---|---|---|---|---|---|---|---|
"""


def table(halves: Mapping[str, Half]) -> str:
    """The figures, a line for each half."""
    return HEAD + "\n".join(_row(name, half) for name, half in halves.items())


def _row(name: str, half: Half) -> str:
    counts = (len(half.of(severity)) for severity in Severity)
    false_errors = sum(alarm.found.severity is Severity.ERROR for alarm in half.false)
    return (
        f"| {name} | {len(half.files)} | {half.objects} | {half.on_wrong} | {' | '.join(map(str, counts))} "
        f"| {len(half.false)} | **{half.per_hundred(half.false):.2f}** | {false_errors} |"
    )


def page(halves: Mapping[str, Half], wrong: Wrong, *, day: str) -> str:
    """The whole page."""
    whole = halves["all"]
    said = Counter(alarm.true for alarm in whole.of(Severity.ERROR, Severity.WARNING))
    looked_at = [f"| [{one.code}]({one.code}.md) | {said[one.reason]} | `{one.file}` | {one.reason} |" for one in TRUE]
    infos = ", ".join(f"[{code}]({code}.md) {count}" for (code, _), count in by_code(whole.of(Severity.INFO)).items())
    sources = Counter(re.split(r": | [A-Z]", reason)[0] for objects in wrong.values() for reason in objects.values())
    return TEXT.format(
        day=day,
        release=version.RELEASE,
        table=table(halves),
        wrong=sum(sources.values()),
        sources=", ".join(f"{source}: {count}" for source, count in sources.most_common()),
        looked_at="\n".join(looked_at),
        infos=infos,
    )
