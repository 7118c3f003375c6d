"""Every rule, by its own examples: the bad one fires that rule and no other, the good one fires none."""

from __future__ import annotations

import inspect
import re

import pytest

import meshlint
from meshlint import rules
from meshlint.rule import Rule
from meshlint.rule_page import EXAMPLE_DAY, judge_example
from tests.unit.meshlint.mends import example

pytestmark = pytest.mark.unit

RULES = list(rules.load().values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_bad_example_fires_exactly_its_rule(rule: Rule) -> None:
    found = judge_example(rule.bad).findings
    assert {finding.code for finding in found} == {rule.code}, "\n".join(finding.message for finding in found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_good_example_is_silent(rule: Rule) -> None:
    found = judge_example(rule.good).findings
    assert not found, "\n".join(f"{finding.code} {finding.message}" for finding in found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_message_is_one_sentence_with_a_place_and_a_mend(rule: Rule) -> None:
    for finding in judge_example(rule.bad).findings:
        assert finding.line >= 1
        assert "\n" not in finding.message
        assert finding.message.endswith((".", "?")), finding.message
        assert ";" in finding.message, f"no mend in: {finding.message}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_explains_itself(rule: Rule) -> None:
    assert re.fullmatch(r"MCP\d{3}", rule.code)
    assert rule.symptoms
    assert len(rule.why) > 80
    assert not rule.title.endswith(".")


def test_codes_are_where_their_topic_is() -> None:
    digits: dict[str, set[str]] = {}
    for rule in RULES:
        module = inspect.getmodule(rule.check)
        assert module is not None
        name = module.__name__
        assert name.rpartition(".")[2].startswith(rule.code.lower()), name
        digits.setdefault(name.split(".")[2], set()).add(rule.code[3])
    assert all(len(found) == 1 for found in digits.values()), digits


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_strict_profile_never_calls_anything_less_severe(rule: Rule) -> None:
    assert rule.strict.at_least(rule.severity)
    objects = example(rule.bad)
    default, strict = (
        {(found.code, found.object, found.path): found.severity for found in report.findings}
        for report in (meshlint.run(objects, today=EXAMPLE_DAY, profile=profile) for profile in meshlint.Profile)
    )
    assert default.keys() == strict.keys()
    assert all(strict[place].at_least(severity) for place, severity in default.items())
