"""Findings as text for a terminal, JSON, and GitHub annotations."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from meshlint.finding import Severity
from meshlint.rules import load as rules

if TYPE_CHECKING:
    from meshlint.lint import Linted, Located

_BOLD, _DIM, _RESET = "\033[1m", "\033[2m", "\033[0m"
_COLOURS = {Severity.ERROR: "\033[1;31m", Severity.WARNING: "\033[1;33m", Severity.INFO: "\033[1;36m"}


def text(linted: Linted, *, colour: bool, verbose: bool) -> str:
    """One block per finding, with the offending lines; then what was not judged, and a sum."""
    paint = _Paint(colour)
    blocks = [_block(found, paint) for found in linted.findings]
    if len(blocks) > MANY:
        blocks = [*_summary(linted), "", *blocks]
    tail: list[str] = []
    if linted.known:
        tail.append(f"{linted.known} of the baseline are not shown")
    if linted.mended:
        tail.append(f"{len(linted.mended)} of the baseline are mended; write it anew to keep them so")
        tail += [f"  {said}" for said in linted.mended] if verbose else []
    if linted.accepted:
        tail.append(f"{len(linted.accepted)} accepted:")
        tail += [f"  {found.code} {found.object} until {took.until}: {took.why}" for found, took in linted.accepted]
    if linted.not_judged:
        tail += _not_judged(linted, verbose=verbose)
    if linted.not_followed:
        tail.append(f"not judged: {'; '.join(linted.not_followed)}")
    if linted.passed_over:
        tail += _passed_over(linted, verbose=verbose)
    tail.append(_sum(linted))
    return "\n".join([*blocks, *tail])


MANY = 40
"""Above so many findings a table of them comes first."""


def _summary(linted: Linted) -> list[str]:
    """How many findings there are of each code, the most severe first."""
    counts = Counter(found.code for found in linted.findings)
    worst: dict[str, Severity] = {}
    files: dict[str, set[str]] = {}
    for found in linted.findings:
        files.setdefault(found.code, set()).add(found.file)
        if found.code not in worst or found.severity.rank < worst[found.code].rank:
            worst[found.code] = found.severity
    known = rules()
    ordered = sorted(counts, key=lambda code: (worst[code].rank, -counts[code], code))
    lines = [f"{len(linted.findings)} findings in {linted.files} files, by rule:"]
    for code in ordered:
        title = known[code].title if code in known else "what the text itself has wrong"
        lines.append(f"  {counts[code]:>6} {worst[code]:7} {code} in {len(files[code])} files: {title}")
    return lines


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, style: str, words: str) -> str:
        return f"{style}{words}{_RESET}" if self._colour else words


def _block(found: Located, paint: _Paint) -> str:
    colour = _COLOURS[found.severity]
    head = f"{paint(colour, found.severity)} {paint(_BOLD, found.code)} {found.file}:{found.line}"
    lines = [f"{head} {paint(_DIM, found.object)}".rstrip(), f"  {found.message}"]
    width = len(str(found.excerpt_line + len(found.excerpt)))
    for offset, content in enumerate(found.excerpt):
        number = found.excerpt_line + offset
        if number == found.line:
            lines.append(paint(colour, f"  {number:>{width}} > {_shown(content)}"))
        elif content.strip():
            lines.append(paint(_DIM, f"  {number:>{width}} | {_shown(content)}"))
    lines += [f"  also {file}:{line}" for file, line in found.also]
    return "\n".join([*lines, ""])


def _shown(content: str) -> str:
    """A line of input made safe for a terminal, and short enough for one."""
    clean = "".join(character if character.isprintable() else "?" for character in content)
    return clean if len(clean) <= 140 else clean[:137] + "..."


def _not_judged(linted: Linted, *, verbose: bool) -> list[str]:
    if verbose:
        return ["did not judge:", *(f"  {item.code}: {item.reason}" for item in linted.not_judged)]
    rules = len({item.code for item in linted.not_judged})
    return [f"{rules} rules did not judge, for lack of objects that they go by (--verbose lists them)"]


def _passed_over(linted: Linted, *, verbose: bool) -> list[str]:
    if verbose:
        return ["passed over:", *(f"  {file}: {reason}" for file, reason in linted.passed_over)]
    reasons = Counter(reason for _, reason in linted.passed_over)
    return [f"{count} passed over: {reason}" for reason, count in reasons.most_common()]


def _sum(linted: Linted) -> str:
    counts = Counter(found.severity for found in linted.findings)
    parts = [
        f"{number} {severity}{'s' if number != 1 else ''}" for severity in Severity if (number := counts[severity])
    ]
    said = ", ".join(parts) if parts else "no findings"
    objects = f"{linted.objects} object{'s' if linted.objects != 1 else ''}"
    hint = "; `meshlint explain CODE` tells more" if parts else ""
    return f"{said} in {objects}{hint}"


def as_json(linted: Linted) -> str:
    """Everything that was found, accepted and not judged, for programs."""
    document = {
        "findings": [_fields(found) for found in linted.findings],
        "accepted": [
            {**_fields(found), "until": took.until.isoformat(), "why": took.why} for found, took in linted.accepted
        ],
        "not_judged": [{"code": item.code, "reason": item.reason} for item in linted.not_judged],
        "passed_over": [{"file": file, "reason": reason} for file, reason in linted.passed_over],
        "not_followed": list(linted.not_followed),
        "objects": linted.objects,
        "baseline": {"known": linted.known, "mended": list(linted.mended)},
    }
    return json.dumps(document, indent=2)


def _fields(found: Located) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "file": found.file,
        "line": found.line,
        "object": found.object,
        "fingerprint": found.fingerprint,
        "also": [{"file": file, "line": line} for file, line in found.also],
    }


def github(linted: Linted) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    commands = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
    return "\n".join(
        f"::{commands[found.severity]} file={_property(found.file)},line={found.line},title={found.code}"
        f"::{_data(f'{found.object}: {found.message}' if found.object else found.message)}"
        for found in linted.findings
    )


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
