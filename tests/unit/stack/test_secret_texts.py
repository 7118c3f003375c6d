"""Which texts of a configuration are secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.stack.secret_texts import SecretTexts, secret_texts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

OWN: dict[str, Any] = {
    "apps": {"mcp": {"host": "mcp.example.com", "keys": ["first-key", "second-key"]}},
    "other": "text",
}


def test_only_the_encrypted_ones_where_the_stacks_file_shows_them(tmp_path: Path) -> None:
    stack_file = tmp_path / "Pulumi.x.yaml"
    stack_file.write_text("config: {'chatgpt-mesh:apps': {mcp: {keys: [first-key, {secure: v1:abc}]}}}")
    found = secret_texts(OWN, ["apps"], stack_file)
    assert found.within("a second-key here")
    assert not found.within("first-key mcp.example.com")


def test_all_of_a_setting_where_no_file_shows_which(tmp_path: Path) -> None:
    found = secret_texts(OWN, ["apps"], tmp_path / "nowhere.yaml")
    assert found.within("first-key")
    assert found.within("mcp.example.com")
    assert not found.within("text")


def test_short_texts_are_not_looked_for() -> None:
    assert not SecretTexts(["443", "on"])


def test_a_sentence_loses_the_text_and_the_value() -> None:
    problem = Problem("apps.mcp", "has the key first-key twice", ["first-key"])
    shown = str(SecretTexts(["first-key"]).redacted(problem))
    assert shown == "apps.mcp: has the key [secret] twice"
