"""`python -m stack upgrade`: what a stack file must change between two versions, and the table that says it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chatgpt_mesh import __version__
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack.__main__ import main
from chatgpt_mesh.stack.upgrade import Upgrade, upgrade, write
from chatgpt_mesh.stack.version_changes import (
    CHANGES,
    RELEASES,
    Change,
    NewDefault,
    OutputChanged,
    Refused,
    Removed,
    Renamed,
    RuleChanged,
    ToDo,
)
from tests.surroundings import ROOT
from tests.unit import contract

pytestmark = pytest.mark.unit

PARENT = """\
config:
  # Shared by all.
  chatgpt-mesh:apps:
    weather: {namespace: weather, "port": 80} # its Service
    tides:
      namespace: weather
      port: 81
      retry: 3
"""

STACK = """\
# The stack of development.
config:
  chatgpt-mesh:extends: [parent.yaml]
  chatgpt-mesh:colour: blue   # kept
  other:colour: red
  chatgpt-mesh:egress:
    allow:
      - host: a.example   # first
        to: [weather]
"""

MADE_UP: tuple[Change, ...] = (
    Renamed("0.3.0", "colour", "color", "Settings.colour"),
    Renamed("0.3.0", "egress.allow.*.to", "from", "DestinationSpec.to"),
    Removed("0.3.0", "apps.*.port", "write service.port", "AppSpec.port"),
    Refused("0.4.0", "apps.*.retry", "repeat nothing", lambda values, path: values["apps"][path[1]]["retry"] > 2),
    NewDefault("0.3.0", "apps.*.longest_call", "600s", "300s", "AppSpec.longest_call = 600s"),
    OutputChanged("0.4.0", "apps.host", "is apps.hosts, a list"),
    RuleChanged("0.3.0", "MCP101", "warning", "error"),
    RuleChanged("0.4.0", "MCP102", "info", None),
    ToDo("0.4.0", "Restart every gateway once."),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: test\n", encoding="utf-8")
    (tmp_path / "parent.yaml").write_text(PARENT, encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


def found(project: Path, before: str | None = "0.2.0") -> Upgrade:
    releases = ("0.1.0", "0.2.0", "0.3.0", "0.4.0")
    return upgrade(project / "Pulumi.dev.yaml", project, before, releases=releases, changes=MADE_UP)


class TestAnUpgrade:
    def test_every_line_that_must_change_is_named_in_the_file_where_it_stands(self, project: Path) -> None:
        assert [str(edit) for edit in found(project).edits] == [
            "Pulumi.dev.yaml:4: colour: is called color since 0.3.0",
            "Pulumi.dev.yaml:9: egress.allow[0].to: is called from since 0.3.0",
            "parent.yaml:4: apps.weather.port: is no setting since 0.3.0; write service.port",
            "parent.yaml:7: apps.tides.port: is no setting since 0.3.0; write service.port",
            "parent.yaml:8: apps.tides.retry: is refused here since 0.4.0; repeat nothing",
        ]

    def test_what_differs_without_a_line(self, project: Path) -> None:
        longest = "apps.{}.longest_call: was 600s by default, and is 300s since 0.3.0; write it to keep it"
        assert found(project).differs == (
            longest.format("weather"),
            longest.format("tides"),
            "Output apps.host: is apps.hosts, a list (since 0.4.0).",
            "Rule MCP101: was a warning, and is an error since 0.3.0.",
            "Rule MCP102: was an info, and is gone since 0.4.0.",
        )

    def test_a_default_that_is_written_is_kept(self, project: Path) -> None:
        text = PARENT.replace("retry: 3", "longest_call: 60s")
        (project / "parent.yaml").write_text(text, encoding="utf-8")
        assert not any("apps.tides.longest_call" in sentence for sentence in found(project).differs)

    def test_a_setting_that_is_refused_in_some_stacks_only(self, project: Path) -> None:
        (project / "parent.yaml").write_text(PARENT.replace("retry: 3", "retry: 1"), encoding="utf-8")
        assert not any("retry" in edit.path for edit in found(project).edits)

    def test_only_what_came_after_the_version_before(self, project: Path) -> None:
        later = found(project, "0.3.0")
        assert [edit.path for edit in later.edits] == ["apps.tides.retry"]
        assert later.beside == ("Restart every gateway once.",)
        assert found(project, "0.4.0") == Upgrade("0.4.0", "0.4.0", (), (), ())

    def test_without_a_version_it_is_the_one_before(self, project: Path) -> None:
        assert found(project, None) == found(project, "0.3.0")

    def test_a_version_that_never_was_is_refused(self, project: Path) -> None:
        with pytest.raises(InvalidConfig, match=r"must be a version of this program: 0\.1\.0, "):
            found(project, "0.0.9")


class TestWrite:
    def test_names_are_changed_and_nothing_else(self, project: Path) -> None:
        left = write(found(project).edits)
        assert (project / "Pulumi.dev.yaml").read_text(encoding="utf-8") == STACK.replace(
            "chatgpt-mesh:colour", "chatgpt-mesh:color"
        ).replace(" to: [", " from: [")
        assert (project / "parent.yaml").read_text(encoding="utf-8") == PARENT
        assert [edit.path for edit in left] == ["apps.weather.port", "apps.tides.port", "apps.tides.retry"]
        assert [edit.path for edit in found(project).edits] == [edit.path for edit in left]

    def test_line_ends_stay(self, project: Path) -> None:
        file = project / "Pulumi.dev.yaml"
        file.write_bytes(STACK.replace("\n", "\r\n").encode())
        write(found(project).edits)
        expected = STACK.replace("chatgpt-mesh:colour", "chatgpt-mesh:color").replace(" to: [", " from: [")
        assert file.read_bytes() == expected.replace("\n", "\r\n").encode()

    def test_two_names_of_one_setting_are_for_a_person(self, project: Path) -> None:
        file = project / "Pulumi.dev.yaml"
        file.write_text(STACK + "        from: [tides]\n", encoding="utf-8")
        left = write(found(project).edits)
        assert "is called from since 0.3.0, which stands here too; keep one" in str(left[0])


def test_argos_labels_are_refused_since_it_writes_them_itself(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = """\
config:
  chatgpt-mesh:apps:
    {}:
      versions: {{v1: {{labels: {{a: b}}}}}}
      rollout: {{stable: v1, managed_by: {}}}
"""
    file = project / "Pulumi.dev.yaml"
    file.write_text(app.format("weather", "argo-rollouts"), encoding="utf-8")
    assert main(["upgrade", str(file), "--from", "0.1.0"]) == 1
    assert "Pulumi.dev.yaml:4: apps.weather.versions.v1.labels: is refused here since 0.2.0" in capsys.readouterr().out
    file.write_text(app.format("weather", "stack"), encoding="utf-8")
    assert main(["upgrade", str(file), "--from", "0.1.0"]) == 0


def test_nothing_to_change_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "parent.yaml").write_text("config: {}\n", encoding="utf-8")
    assert main(["upgrade", str(project / "Pulumi.dev.yaml"), "--from", "0.1.0", "--write"]) == 0
    printed = capsys.readouterr().out
    assert "From 0.1.0 to 0.2.0, Pulumi.dev.yaml and what it extends have nothing to change.\n" in printed
    assert "In a fork of __main__.py, call program.run()" in printed
    assert main(["upgrade", str(project / "Pulumi.dev.yaml"), "--from", "0.2.0"]) == 0
    assert "To do beside" not in capsys.readouterr().out


def test_a_file_that_is_not_there_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", str(project / "Pulumi.gone.yaml")]) == 2
    assert "Pulumi.gone.yaml" in capsys.readouterr().err


class TestTheTable:
    """Held to the contract of names and to the changelog, so that neither changes without the other."""

    def test_its_versions_are_those_of_the_changelog(self) -> None:
        headings = re.findall(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
        assert list(RELEASES) == headings[::-1]
        assert __version__ in RELEASES
        assert {change.since for change in CHANGES} <= {*RELEASES[1:]}

    @pytest.mark.parametrize("release", RELEASES[:-1])
    def test_nothing_that_was_promised_is_gone_without_a_line(self, release: str) -> None:
        promised = json.loads((ROOT / "docs" / "released" / f"{release}.json").read_text(encoding="utf-8"))
        assert untold(promised, contract.names(), CHANGES) == []

    def test_what_is_gone_without_a_line_would_be_seen(self) -> None:
        now = contract.names()
        before = {
            "settings": [*now["settings"], "AppSpec.port"],
            "outputs": [*now["outputs"], "apps.host"],
            "rules": [*now["rules"], "MCP101 warning"],
            "defaults": [*now["defaults"], "AppSpec.longest_call = 600s"],
        }
        assert untold(before, now, ()) == [
            "AppSpec.longest_call = 600s", "AppSpec.port", "MCP101 warning", "apps.host"
        ]  # fmt: skip
        assert untold(before, now, MADE_UP) == []

    def test_every_setting_that_it_refuses_or_renames_away_is_one(self) -> None:
        """A refused setting is there still; one that is gone is no setting of today."""
        names = contract.names()["settings"]
        for change in CHANGES:
            if isinstance(change, Renamed | Removed):
                assert change.promised not in names
            if isinstance(change, Refused):
                assert any(name.endswith(f".{change.setting.rpartition('.')[2]}") for name in names)

    def test_it_has_a_line_for_every_thing_that_an_upgrader_must_do(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        sections = re.split(r"^## ([0-9.]+).*$", changelog, flags=re.MULTILINE)[1:]
        for version, section in zip(sections[::2], sections[1::2], strict=True):
            must = re.search(r"\*\*What an upgrader must do\*\*(.*?)(?=\n\*\*|\Z)", section, re.DOTALL)
            lines = re.findall(r"^- ", must[1], re.MULTILINE) if must else []
            assert len(lines) == sum(change.since == version for change in CHANGES), version


def untold(before: dict[str, list[str]], now: dict[str, list[str]], changes: tuple[Change, ...]) -> list[str]:
    """What a version promised, is not there, and has no line in the table."""
    told: set[str] = set()
    for change in changes:
        match change:
            case Renamed() | Removed() | NewDefault():
                told.add(change.promised)
            case OutputChanged():
                told.add(change.output)
            case RuleChanged():
                told.add(f"{change.code} {change.was}")
            case _:
                pass
    return sorted({name for part, names in before.items() for name in names if name not in now[part]} - told)
