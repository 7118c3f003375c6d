"""The page of one rule: what it means, with its examples judged by the rule itself."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from meshlint.environment import Environment
from meshlint.lint import judge
from meshlint.load import Loaded, load_bytes

if TYPE_CHECKING:
    from meshlint.lint import Linted
    from meshlint.rule import Rule

EXAMPLE_DAY = date(2026, 12, 1)
"""The day on which examples are judged."""


def judge_example(text: str) -> Linted:
    """Lint one of a rule's examples, as the command would a file."""
    loaded = Loaded()
    load_bytes(text.encode(), "example.yaml", loaded, explicit=True)
    return judge(loaded, today=EXAMPLE_DAY, environment=Environment())


def _in_strict(rule: Rule) -> str:
    return f" (**{rule.strict}** under `--profile strict`)" if rule.strict != rule.severity else ""


def rule_page(rule: Rule) -> str:
    """The page of one rule in Markdown, as `explain` prints it."""
    said = [found for found in judge_example(rule.bad).findings if found.code == rule.code]
    parts = [
        f"# {rule.code}: {rule.title}",
        f"Severity: **{rule.severity}**{_in_strict(rule)}.",
        "You may notice: " + "; ".join(rule.symptoms) + ".",
        rule.why,
        "## Bad",
        f"```yaml\n{rule.bad}```",
        "\n".join(f"> line {found.line}: {found.message}" for found in said),
        "## Good",
        f"```yaml\n{rule.good}```",
    ]
    if rule.needs:
        parts.append(f"Judged only where the input shows: {', '.join(rule.needs)}.")
    if rule.sources:
        parts += ["## Sources", "\n".join(f"- <{source}>" for source in rule.sources)]
    return "\n\n".join(part for part in parts if part) + "\n"
