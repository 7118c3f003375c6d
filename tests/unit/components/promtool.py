"""Prometheus's own judge of rules: `promtool`, of Debian's package prometheus or on PATH.

Where it is missing and apt-get may not install it, its tests are skipped, as those that need a registry are.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"


@functools.cache
def promtool() -> str:
    found = shutil.which("promtool", path=_PATH)
    if found is None:
        found = _from_debian()
    if found is None:
        pytest.skip("promtool is not here: apt-get install prometheus, or put Prometheus's own on PATH")
    return found


def _from_debian() -> str | None:
    """The one file out of Debian's package: installed, the package would start a server."""
    apt, dpkg = shutil.which("apt-get", path=_PATH), shutil.which("dpkg-deb", path=_PATH)
    if apt is None or dpkg is None:
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chatgpt-mesh" / "prometheus"
    tool = home / "usr" / "bin" / "promtool"
    if not tool.is_file():
        home.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run([apt, "download", "prometheus"], cwd=home, capture_output=True, check=False)
        package = next(iter(sorted(home.glob("prometheus_*.deb"))), None)
        if fetched.returncode or package is None:
            return None
        subprocess.run([dpkg, "--extract", str(package), str(home)], capture_output=True, check=True)
        package.unlink()
    return str(tool)


def checked(groups: list[dict[str, Any]], directory: Path) -> str:
    """What `promtool check rules` says of rules that it takes."""
    path = directory / "rules.json"
    path.write_text(json.dumps({"groups": groups}), encoding="utf-8")
    done = subprocess.run([promtool(), "check", "rules", str(path)], capture_output=True, text=True, check=False)
    # Of a rule that stands twice it says FAILED and ends with 0.
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stderr, done.stderr
    return done.stdout


def hold(groups: list[dict[str, Any]], directory: Path, *tests: dict[str, Any]) -> None:
    """`promtool test rules`: series by their values over time, and the alerts that fire at a moment."""
    rules = directory / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    path = directory / "tests.yaml"
    content = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": list(tests)}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run([promtool(), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
