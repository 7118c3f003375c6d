"""The lab's control groups on both versions of the kernel's interface."""

from __future__ import annotations

from pathlib import Path

from lab.cgroups import roots


def hierarchy(mount: Path, name: str) -> Path:
    directory = mount / name
    directory.mkdir()
    (directory / "cgroup.procs").touch()
    return directory


def test_version_1_has_one_root_per_hierarchy_and_links_are_counted_once(tmp_path: Path) -> None:
    cpu, memory = hierarchy(tmp_path, "cpu,cpuacct"), hierarchy(tmp_path, "memory")
    (tmp_path / "cpu").symlink_to(cpu)
    (tmp_path / "not-a-hierarchy").mkdir()
    assert roots(tmp_path) == [cpu / "chatgpt-mesh-lab", memory / "chatgpt-mesh-lab"]


def test_version_2_has_one_root(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    hierarchy(tmp_path, "system.slice")
    assert roots(tmp_path) == [tmp_path / "chatgpt-mesh-lab"]
