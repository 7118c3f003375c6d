"""The Pulumi project is where Pulumi.yaml stands, wherever the product itself is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import project, settings
from tests.surroundings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STACK = """
config:
  chatgpt-mesh:extends: [shared.yaml]
  chatgpt-mesh:cluster: {kind: existing}
"""
SHARED = """
config:
  chatgpt-mesh:istio: {version: "1.31.4"}
"""


@pytest.fixture
def somebody_elses(tmp_path: Path) -> Path:
    """A project that is not the checkout of the product."""
    for name, text in (("Pulumi.yaml", "name: theirs\n"), ("Pulumi.dev.yaml", STACK), ("shared.yaml", SHARED)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_stack_extends_the_files_of_its_own_project(somebody_elses: Path) -> None:
    assert settings.load_stack(somebody_elses / "Pulumi.dev.yaml").istio.version == "1.31.4"


def test_a_stack_file_outside_of_any_project_belongs_to_that_of_the_working_directory(
    somebody_elses: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = tmp_path_factory.mktemp("state") / "Pulumi.dev.yaml"
    derived.write_text(STACK)
    monkeypatch.chdir(somebody_elses)
    assert settings.load_stack(derived).istio.version == "1.31.4"


def test_it_is_found_from_a_folder_below(somebody_elses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = somebody_elses / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project.directory() == somebody_elses


def test_without_a_project_a_sentence_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=rf"Pulumi\.yaml: is neither in {tmp_path} nor above it"):
        project.directory(tmp_path)


def test_the_project_declares_no_setting() -> None:
    """The engine refuses a stack that lacks a declared one, before the program can say what is missing."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert list(declared) == ["pulumi:disable-default-providers"]
