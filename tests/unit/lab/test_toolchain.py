"""Tools are built once from pinned modules, found again by what they were built from, and never half-built."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest

from lab import toolchain
from lab.failure import LabError
from lab.screen import Screen
from lab.toolchain import FAMILIES, MODULES, Tool, Toolchain, family_key, linker_flags, module_version

GO_MOD = """module example.test/tools

go 1.26.8

tool k8s.io/kubernetes/cmd/kubectl

require (
	k8s.io/kubernetes v1.35.4 // indirect
	k8s.io/kubernetes-csi v9.9.9
)
"""


def test_every_tool_line_of_the_modules_is_built_and_nothing_else() -> None:
    for family, tools in FAMILIES.items():
        go_mod = (MODULES / family / "go.mod").read_text()
        block = re.search(r"^tool \((.*?)^\)", go_mod, re.MULTILINE | re.DOTALL)
        declared = block.group(1).split() if block else re.findall(r"^tool (\S+)", go_mod, re.MULTILINE)
        assert sorted(declared) == sorted(tool.package for tool in tools if not tool.package.startswith("./"))


def test_every_pinned_version_is_found() -> None:
    for family, tools in FAMILIES.items():
        go_mod = (MODULES / family / "go.mod").read_text()
        for tool in tools:
            assert module_version(go_mod, tool.version_module).startswith("v")


def test_an_sdk_is_generated_by_the_pulumi_that_reads_it() -> None:
    pulumi, package = ((MODULES / family / "go.mod").read_text() for family in ("pulumi", "package"))
    generators = "github.com/pulumi/pulumi/pkg/v3"
    assert module_version(package, generators) == module_version(pulumi, generators)


def test_a_module_whose_name_begins_with_another_is_not_mistaken_for_it() -> None:
    assert module_version(GO_MOD, "k8s.io/kubernetes") == "v1.35.4"
    with pytest.raises(LabError, match=r"No version of k8s\.io/absent"):
        module_version(GO_MOD, "k8s.io/absent")


def test_kubernetes_reports_the_version_it_was_built_from() -> None:
    (kubectl,) = (tool for tool in FAMILIES["kubernetes"] if tool.name == "kubectl")
    assert linker_flags(kubectl, GO_MOD) == (
        "-s -w -X k8s.io/component-base/version.gitVersion=v1.35.4"
        " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"
    )


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "main.go"])
def test_the_key_changes_with_everything_that_goes_into_a_build(tmp_path: Path, changed: str) -> None:
    for name in ("go.mod", "go.sum", "main.go"):
        (tmp_path / name).write_text(GO_MOD)
    tools = (Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes"),)
    before = family_key(tmp_path, tools)
    assert family_key(tmp_path, tools) == before
    with (tmp_path / changed).open("a") as file:
        file.write("// changed\n")
    assert family_key(tmp_path, tools) != before


def test_the_key_changes_with_the_flags(tmp_path: Path) -> None:
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text(GO_MOD)
    plain = Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes")
    stamped = Tool("kubectl", plain.package, plain.version_module, {"main.version": "{version}"})
    assert family_key(tmp_path, (plain,)) != family_key(tmp_path, (stamped,))


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Kubernetes v1.35.4", "v1.35.4"),
        ("etcd Version: 3.6.5\nGit SHA: Not provided", "v3.6.5"),
        ("v3.22.0+g1234567", "v3.22.0"),
        ("client version: unknown", None),
    ],
)
def test_versions_are_read_from_what_programs_print(printed: str, version: str | None) -> None:
    assert toolchain.reported_version(printed) == version


class FakeGo:
    """A `go` that writes its arguments to a log and builds a file, or fails."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "go.log"
        self.broken = directory / "broken"
        script = directory / "go"
        script.write_text(
            f"""#!/bin/sh
case "$1" in
  env) echo go1.26.9 ;;
  build)
    echo "$CGO_ENABLED $GOFLAGS $*" >> {self.log}
    while [ "$1" != -o ]; do shift; done
    echo half > "$2"
    if [ -e {self.broken} ]; then echo "dial tcp: no route to host" >&2; exit 1; fi
    echo whole > "$2" ;;
esac
"""
        )
        script.chmod(0o755)

    def builds(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    monkeypatch.setenv("PATH", f"{bin_directory}:/usr/bin:/bin")
    monkeypatch.setattr(toolchain, "BUILD_BYTES_NEEDED", 1)
    return FakeGo(bin_directory)


@pytest.fixture
def tools(tmp_path: Path) -> Toolchain:
    modules = tmp_path / "modules"
    shutil.copytree(MODULES / "helm", modules / "helm")
    return Toolchain(modules, tmp_path / "cache")


def test_a_tool_is_built_static_and_only_once(go: FakeGo, tools: Toolchain) -> None:
    tools.ensure(["helm"], Screen(io.StringIO()))
    tools.ensure(["helm"], Screen(io.StringIO()))
    assert tools.path("helm").read_text() == "whole\n"
    assert go.builds() == 1
    assert go.log.read_text().startswith("0 -gcflags=all=-dwarf=false build -trimpath -buildvcs=false -ldflags -s -w")


def test_a_failed_build_leaves_nothing_that_looks_built_and_says_what_go_said(go: FakeGo, tools: Toolchain) -> None:
    go.broken.touch()
    with pytest.raises(LabError, match=r"(?s)Building helm failed.*no route to host.*run the same command again"):
        tools.ensure(["helm"], Screen(io.StringIO()))
    with pytest.raises(LabError, match="helm is not built yet"):
        tools.path("helm")
    go.broken.unlink()
    tools.ensure(["helm"], Screen(io.StringIO()))
    assert tools.path("helm").read_text() == "whole\n"


def test_an_older_build_of_the_family_goes_when_a_newer_one_is_there(
    go: FakeGo, tools: Toolchain, tmp_path: Path
) -> None:
    older = tmp_path / "cache" / "helm-0000000000000000"
    older.mkdir(parents=True)
    tools.ensure(["helm"], Screen(io.StringIO()))
    assert not older.exists()


def _install(directory: Path, name: str, prints: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\necho '{prints}'\n")
    (directory / name).chmod(0o755)


def test_an_installed_tool_of_the_pinned_version_is_used_instead(go: FakeGo, tools: Toolchain) -> None:
    pinned = module_version((MODULES / "helm" / "go.mod").read_text(), "helm.sh/helm/v3")
    _install(go.directory, "helm", f"{pinned}+g0")
    tools.ensure(["helm"], Screen(io.StringIO()))
    assert tools.path("helm") == go.directory / "helm"
    assert go.builds() == 0


def test_an_installed_tool_of_another_version_is_not_used(go: FakeGo, tools: Toolchain) -> None:
    _install(go.directory, "helm", "v3.1.0")
    tools.ensure(["helm"], Screen(io.StringIO()))
    assert tools.path("helm") != go.directory / "helm"


def test_too_little_disk_is_said_before_the_build_starts(
    go: FakeGo, tools: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "BUILD_BYTES_NEEDED", 10**18)
    with pytest.raises(LabError, match=r"GiB free and the lab needs .* LAB_CACHE"):
        tools.ensure(["helm"], Screen(io.StringIO()))
    assert go.builds() == 0
