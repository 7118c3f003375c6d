"""Where the time before the first resource goes, by package: pyinstrument looks every millisecond.

`python -m tests.benchmarks.profile [APPS]`
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyinstrument import Profiler
from pyinstrument.frame import SELF_TIME_FRAME_IDENTIFIER

from tests.benchmarks import prepare_program
from tests.surroundings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyinstrument.frame import Frame

_APPS = 1_000
_INTERVAL_SECONDS = 0.001
_INSTALLED = Path(sysconfig.get_path("purelib"))
_LEAST_SHARE = 0.01
_PRODUCT = Path("chatgpt_mesh")
"""Its packages lie beside it, and are imported below it."""


def place(file: str | None) -> tuple[str, str]:
    """The package of a file, and the file as it is named there: `("meshlint", "meshlint/view/fields.py")`.

    Python's own modules, and what is written in C, are `python`.
    """
    if file is None:
        return "python", "python"
    path = Path(file)
    for root in (_INSTALLED, ROOT):
        if path.is_relative_to(root):
            inside = path.relative_to(root)
            if inside.is_relative_to(_PRODUCT) and inside.parent != _PRODUCT:
                inside = inside.relative_to(_PRODUCT)
            return inside.parts[0].removesuffix(".py"), inside.as_posix()
    return "python", path.name


def _own_time(frame: Frame) -> Iterator[tuple[str, str, float]]:
    """Package, function and seconds of each frame without those that it called."""
    own = frame.absorbed_time + sum(one.time for one in frame.children if one.identifier == SELF_TIME_FRAME_IDENTIFIER)
    package, file = place(frame.file_path)
    yield package, f"{file}: {frame.function}", own
    for child in frame.children:
        if child.identifier != SELF_TIME_FRAME_IDENTIFIER:
            yield from _own_time(child)


def _this_process(count: int) -> list[dict[str, Any]]:
    prepare_program.row(1)  # what is made at first use is made here
    with Profiler(interval=_INTERVAL_SECONDS) as profiler:
        prepare_program.row(count)
    assert profiler.last_session is not None
    root = profiler.last_session.root_frame()
    assert root is not None
    packages: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for package, function, seconds in _own_time(root):
        packages[package][function] += seconds
    whole = sum(sum(functions.values()) for functions in packages.values())
    found: list[dict[str, Any]] = []
    for package, functions in sorted(packages.items(), key=lambda item: -sum(item[1].values())):
        share = sum(functions.values()) / whole
        if share >= _LEAST_SHARE:
            most = max(functions, key=lambda name: functions[name])
            of_it = functions[most] / whole
            found.append({"package": package, "share": round(share, 3), "most": most, "of_it": round(of_it, 3)})
    return found


def packages(count: int = _APPS) -> list[dict[str, Any]]:
    """Each package with its share of the time, the largest first, and the function that has most of it."""
    command = [sys.executable, "-m", __spec__.name, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(_this_process(int(sys.argv[1]) if sys.argv[1:] else _APPS)))
