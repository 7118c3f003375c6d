"""``python -m lab``: help for everything, exit codes, and sentences instead of tracebacks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lab import command_line, debian, environment
from lab.command_line import main
from lab.state import CHECKOUT, State, exclusive
from lab.toolchain import Toolchain

COMMANDS = ("up", "down", "status", "logs", "shell", "env", "preview")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "lab"))
    monkeypatch.delenv("LAB_KUBECONFIG", raising=False)
    return State(tmp_path / "lab")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m lab" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["upp"], ["logs"], ["status", "--format", "xml"]])
def test_wrong_use_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_an_unknown_stack_exits_with_2_before_anything_is_made(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--mesh", "prd"]) == 2
    assert "There is no stack prd" in capsys.readouterr().err
    assert not state.root.exists()


def test_without_root_the_lab_says_so_and_how_else(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    assert main(["up"]) == 1
    assert "needs root" in (said := capsys.readouterr().err)
    assert "LAB_KUBECONFIG" in said
    assert not state.root.exists()


def test_the_lock_of_a_running_command_stops_a_second_one(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    with exclusive(state, "python -m lab up"):
        assert main(["up"]) == 1
    assert f"held by process {os.getpid()}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("a: [", "is not YAML"),
        ("a: b\n", "is not a kubeconfig: it has no `clusters`"),
        ("clusters: [{name: a}]\n", "has no current context"),
    ],
)
def test_an_unusable_kubeconfig_is_named(
    state: State,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    sentence: str,
) -> None:
    kubeconfig = tmp_path / "config"
    if content is not None:
        kubeconfig.write_text(content)
    monkeypatch.setenv("LAB_KUBECONFIG", str(kubeconfig))
    assert main(["up"]) == 1
    said = capsys.readouterr().err
    assert f"LAB_KUBECONFIG={kubeconfig} {sentence}" in said
    assert not state.root.exists()


def test_a_missing_package_is_named_with_what_is_taken_from_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, "SYSTEM_PATH", str(tmp_path))
    from lab.screen import Screen

    with pytest.raises(command_line.LabError, match=r"runc \(runc\).*apt-get install .*runc"):
        debian.ensure_packages(Screen())


def test_down_without_a_lab_is_no_error(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lab.leftovers.remains", lambda _: [])
    assert main(["down"]) == 0
    assert f"There is no lab in {state.root}" in capsys.readouterr().err


def test_status_of_nothing_exits_with_1_and_is_data(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ready"] is False
    assert {one["name"] for one in found["processes"]} >= {"etcd", "kubelet", "containerd"}


def test_interrupted_says_how_to_go_on(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(debian, "require_root", interrupted)
    assert main(["up"]) == 130
    assert "`python -m lab up` goes on from here" in capsys.readouterr().err


def test_a_shell_reads_the_environment_back_as_it_was(state: State, tmp_path: Path) -> None:
    values = {"A": "with 'quotes' and $dollar", "B": "two words"}
    shown = subprocess.run(
        ["/bin/sh", "-c", f'{environment.exports(values)} printf "%s|%s" "$A" "$B"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "with 'quotes' and $dollar|two words"


def test_the_environment_keeps_the_users_pulumi_out_of_it(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    values = environment.variables(state, Toolchain())
    assert values["PULUMI_BACKEND_URL"] == f"file://{state.root}/pulumi/state"
    assert values["PULUMI_HOME"].startswith(str(state.root))
    assert values["KUBECONFIG"] == str(state.root / "kubeconfig")
    assert values["PATH"].split(os.pathsep)[:2] == [str(Path(sys.executable).parent), str(state.bin)]
    assert shlex.split(environment.exports(values))[0] == "export"


def test_an_installed_plugin_is_used_instead_of_its_stand_in(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert environment.plugin_installed("pulumi-resource-kubernetes", state) is False
    (tmp_path / "home" / ".pulumi" / "plugins" / "resource-kubernetes-v4.34.2").mkdir(parents=True)
    assert environment.plugin_installed("pulumi-resource-kubernetes", state) is True
    assert environment.plugin_installed("pulumi-resource-gcp", state) is False


def test_a_stand_in_on_path_does_not_count_as_installed(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.bin.mkdir(parents=True)
    (state.bin / "pulumi-resource-gcp").symlink_to(CHECKOUT / "lab" / "plugins" / "bin" / "pulumi-resource-gcp")
    monkeypatch.setenv("PATH", str(state.bin))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert environment.plugin_installed("pulumi-resource-gcp", state) is False
