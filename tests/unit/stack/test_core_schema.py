"""Stack files are read by libyaml, ten times as quick, and mean what PyYAML's own parser says."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from chatgpt_mesh.stack import core_schema
from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

PIECES = (
    *("a", "key: ", "- ", "[", "]", "{", "}", ", ", ":", " ", "  ", "\n", "\n  ", "\n    ", "'", '"', "|", "|-\n"),
    *(">\n", "#", "# x\n", "&a ", "*a", "!!int ", "!!str ", "!x ", "~", "null", "true", "0x1f", "0o7", "012"),
    *("1e3", ".inf", "1:30", "on", "?", "? ", "%", "@", "`", "\t", "---\n", "...\n", "\u2028", "\x85", "\xe9"),
    *("\U0001f600", "\\x41", "2001:db8::", "<<: ", "=", "'it''s'", '"a\\\n b"', "&", "-", "+", "\r\n", "\r", "\ufeff"),
)
"""What texts are made of that one parser might read otherwise than another."""


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join))
def test_a_text_means_what_pyyamls_own_parser_says(text: str) -> None:
    try:
        meant = yaml.load(text, core_schema.PlainLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        assume(False)
    else:
        assert repr(core_schema.load(text)) == repr(meant)


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_so_does_every_stack_of_the_repository(file: object) -> None:
    text = (ROOT / str(file)).read_text(encoding="utf-8")
    assert core_schema.load(text) == yaml.load(text, core_schema.PlainLoader)  # noqa: S506 - a SafeLoader


@pytest.fixture
def without_pyyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_schema, "PlainLoader", None)


@pytest.mark.usefixtures("without_pyyaml")
def test_a_good_text_is_read_by_libyaml_alone() -> None:
    assert core_schema.load("a: [on, 012, 0o7, true]") == {"a": ["on", 12, 7, True]}


@pytest.mark.parametrize(
    "text",
    ["a: \tb\n", "\ufeffa: 1", "[" * 101 + "]" * 101, "- " * 100 + "a", f"a:\n{' ' * 200}b: 1", "a: 1\na: 2"],
    ids=["a tab", "a mark of byte order", "brackets", "stacked lists", "indentation", "a mistake"],
)
@pytest.mark.usefixtures("without_pyyaml")
def test_what_libyaml_reads_otherwise_or_not_at_all_is_left_to_pyyaml(text: str) -> None:
    with pytest.raises(TypeError):
        core_schema.load(text)


def test_no_text_is_nested_so_deeply_that_libyaml_fills_the_stack() -> None:
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000):
        with pytest.raises((RecursionError, yaml.YAMLError)):
            core_schema.load(text)
