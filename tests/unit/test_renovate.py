"""renovate.json: what it renews is there, and Istio is left to `make istio`.

https://docs.renovatebot.com/configuration-options/
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.istio_api.version import RELEASE
from tests.surroundings import ROOT
from tests.unit.test_workflows import TARGETS

pytestmark = pytest.mark.unit

CONFIG: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = CONFIG["packageRules"]
GO_MODULES = sorted((ROOT / "lab" / "toolchain").glob("*/go.mod"))


def matched(patterns: list[str]) -> list[Path]:
    """Files of the project's top and of `istio_api` that one of Renovate's patterns, `/REGEX/`, matches."""
    files = [path for directory in (ROOT, ROOT / "istio_api") for path in directory.iterdir() if path.is_file()]
    expressions = [re.compile(pattern.removeprefix("/").removesuffix("/").replace("\\/", "/")) for pattern in patterns]
    return [path for path in files if any(one.search(path.relative_to(ROOT).as_posix()) for one in expressions)]


def rules_of(file: Path) -> list[dict[str, Any]]:
    name = file.relative_to(ROOT).as_posix()
    return [rule for rule in RULES if name in rule.get("matchFileNames", ())]


def test_every_rule_says_why() -> None:
    assert all(rule["description"].endswith(".") for rule in RULES)


def test_every_file_and_package_that_a_rule_names_is_there() -> None:
    files = [name for rule in RULES for name in rule.get("matchFileNames", ())]
    assert [name for name in files if not (ROOT / name).is_file()] == []
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    packages = [name for rule in RULES for name in rule.get("matchPackageNames", ())]
    assert [name for name in packages if not re.search(rf"^{name}==", pins, re.MULTILINE)] == []


class TestWhatIsLocked:
    LOCKS = matched(CONFIG["pip-compile"]["managerFilePatterns"])

    def test_is_every_file_with_hashes(self) -> None:
        with_hashes = {path for path in ROOT.glob("requirements*") if "--hash=" in path.read_text(encoding="utf-8")}
        assert set(self.LOCKS) == with_hashes

    @pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
    def test_says_in_its_header_how_it_is_made_anew(self, lock: Path) -> None:
        """Renovate runs the command of the header, with options that it knows and `=` between each and its value."""
        _, header, *_ = lock.read_text(encoding="utf-8").splitlines()
        words = shlex.split(header.removeprefix("#    "))
        assert words[:3] == ["uv", "pip", "compile"]
        *options, source = words[3:]
        assert {one.partition("=")[0] for one in options} <= {
            "--universal",
            "--python-version",
            "--generate-hashes",
            "--output-file",
        }
        assert f"--output-file={lock.name}" in options
        assert (ROOT / source).is_file()

    def test_is_renewed_by_one_manager(self) -> None:
        (rule,) = (one for one in RULES if one.get("matchManagers") == ["pip_requirements"])
        assert rule["enabled"] is False
        default = re.compile(r"(^|/)[\w-]*requirements([-._]\w+)?\.(txt|pip)$")  # of pip_requirements
        sources = {ROOT / shlex.split(lock.read_text(encoding="utf-8").splitlines()[1])[-1] for lock in self.LOCKS}
        twice = {path.name for path in {*self.LOCKS, *sources} if default.search(path.name)}
        assert set(rule["matchFileNames"]) == twice


class TestIstio:
    def test_its_release_is_read_where_it_stands(self) -> None:
        (manager,) = CONFIG["customManagers"]
        (file,) = matched(manager["managerFilePatterns"])
        (expression,) = manager["matchStrings"]
        found = re.findall(expression.replace("(?<", "(?P<"), file.read_text(encoding="utf-8"))
        assert found == [RELEASE]

    def test_the_next_one_waits_for_somebody_and_says_the_command(self) -> None:
        (rule,) = (one for one in RULES if one.get("groupName") == "Istio")
        assert rule["matchDepNames"] == [CONFIG["customManagers"][0]["depNameTemplate"]]
        assert rule["dependencyDashboardApproval"] is True
        assert "istio" in TARGETS
        assert "`make istio VERSION={{newVersion}}`" in rule["prBodyNotes"][0]

    @pytest.mark.parametrize("module", GO_MODULES, ids=lambda path: path.parent.name)
    def test_its_go_modules_are_left_alone_and_others_are_not(self, module: Path) -> None:
        of_istio = re.search(r"^\s+istio\.io/istio v", module.read_text(encoding="utf-8"), re.MULTILINE) is not None
        assert any(rule.get("enabled") is False for rule in rules_of(module)) == of_istio


def test_each_manager_is_switched_on_and_actions_are_pinned_by_commit() -> None:
    assert set(CONFIG["enabledManagers"]) == {
        "pip-compile",
        "pip_requirements",
        "gomod",
        "github-actions",
        "custom.regex",
    }
    assert "helpers:pinGitHubActionDigests" in CONFIG["extends"]
