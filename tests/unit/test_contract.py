"""What a release has promised is there in the next, or the changelog tells an upgrader what to do without it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from chatgpt_mesh import __version__
from tests.surroundings import ROOT
from tests.unit import contract

pytestmark = pytest.mark.unit

RELEASED = sorted((ROOT / "docs" / "released").glob("*.json"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@cache
def today() -> dict[str, list[str]]:
    return contract.names()


def told(changelog: str) -> set[str]:
    """Names in code under `What an upgrader must do`."""
    sections = re.findall(r"\*\*What an upgrader must do\*\*(.*?)(?=\n\*\*|\n## |\Z)", changelog, re.DOTALL)
    return {name for section in sections for name in re.findall(r"`([^`]+)`", section)}


def gone(released: dict[str, list[str]], now: dict[str, list[str]], changelog: str) -> list[str]:
    """What is promised, is not there, and is not told of."""
    return sorted(
        {name for part, names in released.items() for name in names if name not in now[part]} - told(changelog)
    )


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_nothing_is_gone_without_a_word(release: Path) -> None:
    assert gone(json.loads(release.read_text(encoding="utf-8")), today(), CHANGELOG) == []


def test_what_is_gone_would_be_seen_until_it_is_told_of() -> None:
    released = {**today(), "settings": [*today()["settings"], "AppSpec.port"], "rules": ["MCP001 warning"]}
    assert gone(released, today(), CHANGELOG) == ["AppSpec.port", "MCP001 warning"]
    section = "**What an upgrader must do**\n\n- `AppSpec.port` is `service.port`; `MCP001 warning` is an error.\n"
    assert gone(released, today(), section) == []


def test_every_released_version_has_a_section() -> None:
    headings = re.findall(r"^## ([0-9.]+)", CHANGELOG, re.MULTILINE)
    assert {release.stem for release in RELEASED} <= {*headings}
    assert __version__ in headings


def test_a_contract_holds_settings_outputs_and_rules() -> None:
    assert {"AppSpec.host", "CanaryConfig.percent"} <= {*today()["settings"]}
    assert {"apps", "gateways", "GatewayOutput.address"} <= {*today()["outputs"]}
    assert any(rule.startswith("MCP122 ") for rule in today()["rules"])
