"""One state directory, one lock, and sentences about both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import state
from lab.failure import LabError
from lab.state import State, cache_directory, exclusive


def test_the_second_command_learns_who_holds_the_lab_since_when_and_for_what(tmp_path: Path) -> None:
    lab = State(tmp_path / "lab")
    with exclusive(lab, "python -m lab up"):
        expected = rf"held by process {os.getpid()} \(`python -m lab up`\) since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d"
        with pytest.raises(LabError, match=expected), exclusive(lab, "python -m lab down"):
            pytest.fail("two commands hold the lab at once")
        with pytest.raises(LabError, match=f"process {os.getpid()} "), exclusive(lab, "python -m lab down"):
            pytest.fail("the refused command has wiped the holder's name")


def test_the_lock_is_free_again_after_a_failure(tmp_path: Path) -> None:
    lab = State(tmp_path / "lab")
    with pytest.raises(RuntimeError), exclusive(lab, "python -m lab up"):
        raise RuntimeError
    with exclusive(lab, "python -m lab down"):
        pass


def test_a_killed_command_does_not_keep_the_lab(tmp_path: Path) -> None:
    lab = State(tmp_path / "lab")
    child = os.fork()
    if child == 0:
        held = exclusive(lab, "python -m lab up")
        held.__enter__()
        os._exit(9)
    os.waitpid(child, 0)
    with exclusive(lab, "python -m lab down"):
        pass


def test_the_state_directory_is_for_root_alone(tmp_path: Path) -> None:
    lab = State(tmp_path / "lab")
    lab.create()
    assert lab.root.stat().st_mode & 0o777 == 0o700


def test_a_state_directory_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"file/lab cannot be used: Not a directory\. Set LAB_STATE"):
        State(tmp_path / "file" / "lab").create()


def test_a_full_disk_is_named_with_the_variable_that_moves_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "STATE_BYTES_NEEDED", 10**18)
    with pytest.raises(LabError, match=r"GiB free and the lab needs .* set LAB_STATE"):
        State(tmp_path / "lab").create()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LAB_CACHE": "/a/b"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/chatgpt-mesh-lab"),
        ({"HOME": "/home/dev"}, "/home/dev/.cache/chatgpt-mesh-lab"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("LAB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_directory() == Path(expected)
