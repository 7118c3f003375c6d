"""Accepted risks: which findings they take away, and what is wrong with the acceptances themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from meshlint.finding import Acceptance, Finding, NotJudged, Report, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

CODE = "MCP008"
"""The code under which acceptances themselves are reported."""

NOTICE = timedelta(days=14)
"""How long before its end an acceptance is announced."""


def settle(
    findings: list[Finding], not_judged: list[NotJudged], acceptances: Sequence[Acceptance], *, today: date
) -> Report:
    """Split findings into open and accepted ones; an acceptance that has ended accepts nothing any more."""
    running: dict[tuple[str, str], Acceptance] = {}
    for acceptance in acceptances:
        if acceptance.until >= today:
            for name in acceptance.objects:
                running[acceptance.code, name] = acceptance
    open_findings: list[Finding] = []
    accepted: list[tuple[Finding, Acceptance]] = []
    for finding in findings:
        acceptance = running.get((finding.code, finding.object))
        if acceptance is None:
            open_findings.append(finding)
        else:
            accepted.append((finding, acceptance))
    used = {id(acceptance) for _, acceptance in accepted}
    for acceptance in acceptances:
        open_findings += _judge(acceptance, used=id(acceptance) in used, today=today)
    open_findings.sort(key=lambda finding: (finding.index, finding.severity.rank, finding.code, str(finding.path)))
    return Report(open_findings, not_judged, accepted)


def _judge(acceptance: Acceptance, *, used: bool, today: date) -> list[Finding]:
    def say(severity: Severity, text: str) -> list[Finding]:
        where = min(acceptance.objects, default="")
        return [Finding(CODE, severity, where, (), f"{acceptance.where} {text}")]

    if not acceptance.why.strip():
        return say(Severity.ERROR, f"accepts {acceptance.code} without a reason; write why the risk is taken.")
    if acceptance.until < today:
        return say(
            Severity.ERROR,
            f"accepted {acceptance.code} until {acceptance.until}, which is over; mend the finding or accept it anew.",
        )
    if not used:
        return say(
            Severity.WARNING,
            f"accepts {acceptance.code} where nothing is found; remove it.",
        )
    if acceptance.until - today <= NOTICE:
        return say(
            Severity.WARNING,
            f"accepts {acceptance.code} until {acceptance.until}, {(acceptance.until - today).days} days from now; "
            "mend the finding before the day.",
        )
    return []
