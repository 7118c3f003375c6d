"""`make lint` reads every hand-written Python file with pyright: all of the product strictly, the tests as they are."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.repository import ROOT, hand_written, python_files

pytestmark = pytest.mark.unit

SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pyright"]
LINKS = {f"{link.readlink().name}/": link for link in (ROOT / "chatgpt_mesh").iterdir() if link.is_symlink()}
PYRIGHT = Path(sys.executable).with_name("pyright")

# A comment that turns rules off for a file, or for a line without saying which.
_SWITCH = re.compile(r"#\s*(type:\s*ignore|pyright:(?!\s*ignore\[report\w+(,\s*report\w+)*\]))")


def read_as(path: str) -> str:
    """The path under which a file is imported, and so has to be read: the product's through `chatgpt_mesh`."""
    room = f"{path.partition('/')[0]}/"
    return f"chatgpt_mesh/{LINKS[room].name}/{path.removeprefix(room)}" if room in LINKS else path


def lies_in(path: str, folders: list[str], *, through_links: bool) -> bool:
    """Whether one of `folders` is the path or holds it, by plain folders alone unless `through_links`."""
    around = [path, *map(str, PurePosixPath(path).parents)]
    for place in around:
        if place in folders:
            return True
        if not through_links and (ROOT / place).is_symlink():
            return False
    return False


def test_every_file_is_read() -> None:
    # pyright does not follow a link below a folder of `include`.
    unread = [p for p in python_files() if not lies_in(read_as(p), SETTINGS["include"], through_links=False)]
    assert unread == []


def test_all_but_the_tests_is_read_strictly() -> None:
    lenient = {p for p in python_files() if not lies_in(read_as(p), SETTINGS["strict"], through_links=True)}
    assert {path for path in lenient if not path.startswith("tests/")} == set()


def test_no_setting_excludes_a_file_or_weakens_a_rule() -> None:
    assert SETTINGS.keys() - {"include", "strict", "pythonVersion", "venvPath", "venv"} == {
        "enableTypeIgnoreComments",
        "reportUnnecessaryTypeIgnoreComment",
    }
    assert SETTINGS["enableTypeIgnoreComments"] is False
    assert SETTINGS["reportUnnecessaryTypeIgnoreComment"] == "error"
    assert not (ROOT / "pyrightconfig.json").exists(), "pyright would read no settings but those"


def comments(text: str) -> Iterator[tokenize.TokenInfo]:
    return (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT)


def switches(text: str) -> list[str]:
    return [f"{comment.start[0]}: {comment.string}" for comment in comments(text) if _SWITCH.search(comment.string)]


def test_no_file_turns_rules_off_and_no_line_without_naming_the_rule() -> None:
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in hand_written()}
    suspects = {path: text for path, text in texts.items() if "pyright" in text or "type:" in text}
    assert {path: found for path, text in suspects.items() if (found := switches(text))} == {}


@pytest.mark.parametrize(
    ("comment", "allowed"),
    [
        ("# pyright: basic", False),
        ("# pyright: strict, reportPrivateUsage=false", False),
        ("# pyright: ignore", False),
        ("# pyright: ignore[]", False),
        ("# type: ignore", False),
        ("# type: ignore[misc]", False),
        ("# noqa: E501  # type:ignore", False),
        ("# pyright: ignore[reportPrivateUsage] - the only way in", True),
        ("# pyright: ignore[reportPrivateUsage, reportCallIssue] - the only way in", True),
        ("# pyright reads this file", True),
    ],
)
def test_a_switch_is_told_from_another_comment(comment: str, allowed: bool) -> None:
    assert (switches(f"x = 1  {comment}\n") == []) is allowed
    assert switches(f"x = '{comment}'\n") == []


def test_pyright_reports_a_wrong_type_in_every_room(tmp_path: Path) -> None:
    """The settings as they are, over the same folders and links with one wrong line in each."""
    if subprocess.run([PYRIGHT, "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("pyright itself is not here: it is fetched by the first `make lint`")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    rooms = {path.rpartition("/")[0] for path in python_files()}
    planted = {f"{room}/planted.py" if room else "__main__.py" for room in rooms}
    for path in planted:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text('BROKEN: int = "text"\n', encoding="utf-8")
    for link in LINKS.values():
        (tmp_path / "chatgpt_mesh" / link.name).symlink_to(link.readlink())
    checked = subprocess.run([PYRIGHT, "--outputjson"], cwd=tmp_path, capture_output=True, text=True, check=False)
    reported = {Path(one["file"]) for one in json.loads(checked.stdout)["generalDiagnostics"]}
    found = {path.relative_to(tmp_path).as_posix() for path in reported}
    assert found == {read_as(path) for path in planted}
