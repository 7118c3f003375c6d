"""docs/rules/peers.md: every message of Istio's analyzers has its line, and every rule on the page exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshlint import rules
from tests.unit.meshlint.alarms.corpus import istio

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[3] / "docs" / "rules" / "peers.md"
ROW = re.compile(r"^\| ((?:IST|KIA)\d{4}) \| (.+?) \| (.+) \|$", re.MULTILINE)


def test_every_message_of_istios_analyzers_has_its_line() -> None:
    messages = (istio() / "pkg/config/analysis/msg/messages.yaml").read_text(encoding="utf-8")
    codes = re.findall(r"^    code: (IST\d{4})$", messages, re.MULTILINE)
    assert len(codes) > 60
    written = [code for code, *_ in ROW.findall(PAGE.read_text(encoding="utf-8"))]
    assert sorted(code for code in written if code.startswith("IST")) == sorted(codes)
    assert len(written) == len(set(written))


def test_every_line_names_a_rule_or_a_reason() -> None:
    known = rules.load()
    for code, _, here in ROW.findall(PAGE.read_text(encoding="utf-8")):
        named = re.findall(r"\[(MCP\d{3})\]\(\1\.md\)", here)
        assert set(named) <= set(known), code
        assert named or len(here) > 8, code
