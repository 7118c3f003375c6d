"""Pulumi's CLI writes a stack file anew with `stack init` and `config set`; it says the same as before."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from chatgpt_mesh.stack import settings
from tests.surroundings import ROOT, STACKS, surroundings

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 24)


def rewritten(text: str) -> str:
    """As CLI 3.259 leaves it: without blank lines, a setting that is a plain scalar as text, and with the salt."""
    lines = [line for line in text.splitlines() if line.strip()]
    quoted = [re.sub(r"^(  chatgpt-mesh:\w+: )(true|false)$", r'\1"\2"', line) for line in lines]
    return "\n".join([*quoted, "encryptionsalt: v1:k16YLCIFN/Y=:v1:sv9X51mYDFXxyIww:zIXrXAuyCnNqJUrvWo/UibRn7bfpPw=="])


@pytest.mark.parametrize("stack", STACKS)
def test_a_rewritten_stack_file_says_the_same(stack: str, tmp_path: Path) -> None:
    own = ROOT / f"Pulumi.{stack}.yaml"
    text = own.read_text(encoding="utf-8").replace("encryptionsalt:", "# encryptionsalt:")
    again = tmp_path / own.name
    again.write_text(rewritten(text), encoding="utf-8")
    assert again.read_text() != text
    with surroundings(tmp_path / "machine"):
        assert settings.load_stack(again, TODAY) == settings.load_stack(own, TODAY)
