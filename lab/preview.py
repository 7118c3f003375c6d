"""``python -m lab preview STACK``: what a stack would register, without a cluster, credentials or network.

Pulumi's real engine runs the program in a backend that lasts as long as the command, with Pulumi's own plugins where
they are installed and the lab's stand-ins elsewhere; for Google Cloud always the stand-in, since Pulumi's own plugin
starts with credentials only. A cluster that is not there yet leaves the provider's kubeconfig
unknown, and the engine then shows each chart as one node; so the plan goes on with each chart's objects, rendered by
Helm with the same values.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab import environment
from lab.failure import LabError
from lab.state import CHECKOUT, State
from lab.workloads import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.screen import Screen
    from lab.toolchain import Toolchain

# Whatever could lead a plugin to somebody's cloud or cluster.
_CREDENTIALS = re.compile(r"GOOGLE_|GCLOUD_|GCP_|CLOUDSDK_|AWS_|AZURE_|ARM_|PULUMI_|KUBE|HELM_|LAB_KUBECONFIG")

FAMILIES = ("pulumi", "helm", "istio")
GOOGLE_CLOUD = "pulumi-resource-gcp"


class Preview:
    """One stack's plan, in a directory of its own."""

    def __init__(self, stack: str, directory: Path, toolchain: Toolchain, screen: Screen) -> None:
        self._stack = stack
        self._directory = directory
        self._toolchain = toolchain
        self._screen = screen
        self._state = State(directory)

    def run(self, objects: Path | None = None, *, diff: bool = False) -> None:
        """Print the engine's plan and the charts' objects; write those to ``objects``, a directory, if it is given.

        Raises:
            LabError: the engine said no, or a chart cannot be rendered.
        """
        self._prepare()
        self._screen.heading(f"Plan of {self._stack}: Pulumi's engine, offline")
        self._engine(diff=diff)
        self._screen.heading("Objects of the charts, with the same values")
        for name, found in self._charts():
            self._screen.line(f"  {name}")
            for line in summary(found):
                self._screen.line(f"    {line}")
            if objects is not None:
                objects.mkdir(parents=True, exist_ok=True)
                text = yaml.safe_dump_all(sorted(found, key=_identity), sort_keys=True, width=120)
                (objects / f"{name.replace('/', '-')}.yaml").write_text(text, encoding="utf-8")

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the engine: nothing in it leads anywhere but to this directory."""
        kept = {name: value for name, value in os.environ.items() if not _CREDENTIALS.match(name)}
        return {
            **kept,
            **environment.variables(self._state, self._toolchain),
            "HOME": str(self._directory),
            "KUBECONFIG": str(self._state.kubeconfig),
        }

    def _prepare(self) -> None:
        self._state.create()
        for path in (self._state.pulumi_backend, self._state.pulumi_home, self._state.issuer):
            path.mkdir(parents=True, exist_ok=True)
        environment.link_commands(self._state, self._toolchain, always=(GOOGLE_CLOUD,))
        # The lab's issuer makes keys of its own; which they are makes no difference to a plan.
        tokens.ensure_keys(self._state.issuer)
        self._lend_lab()

    def _lend_lab(self) -> None:
        """A stack that adopts its cluster is planned against it, and against what it has made there: its charts ask the
        cluster, here as in Pulumi's own plugin."""
        own = yaml.safe_load((CHECKOUT / f"Pulumi.{self._stack}.yaml").read_text(encoding="utf-8"))["config"]
        if own["chatgpt-mesh:cluster"]["kind"] != "existing":
            return
        running = State.from_environment()
        there = environment.kubeconfig(running)
        if not there.is_file():
            raise LabError(
                f"The stack {self._stack} adopts a cluster, and {there} is not there to ask. `python -m lab up` makes "
                "the lab's; `python -m lab preview staging` plans the same mesh on a cluster that does not exist yet."
            )
        self._state.kubeconfig.write_text(there.read_text(encoding="utf-8"), encoding="utf-8")
        shutil.copytree(running.issuer, self._state.issuer, dirs_exist_ok=True)
        shutil.copytree(running.pulumi_backend, self._state.pulumi_backend, dirs_exist_ok=True)

    def _engine(self, *, diff: bool) -> None:
        project = self._directory / "project"
        project.mkdir()
        config = project / f"Pulumi.{self._stack}.yaml"
        config.write_text((CHECKOUT / config.name).read_text(encoding="utf-8"), encoding="utf-8")
        # A project of the same name, since the engine writes its salt into the stack file next to it.
        declared = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8"))
        (project / "Pulumi.yaml").write_text(f"name: {declared['name']}\nruntime: python\n", encoding="utf-8")
        self._pulumi("stack", "select", self._stack, "--create", "--cwd", str(project), quiet=True)
        self._pulumi(
            "preview",
            "--stack",
            self._stack,
            "--config-file",
            str(config),
            "--suppress-permalink=true",
            f"--diff={str(diff).lower()}",
        )

    def _pulumi(self, *arguments: str, quiet: bool = False) -> None:
        done = subprocess.run(
            [str(self._toolchain.path("pulumi")), *arguments, "--non-interactive"],
            cwd=CHECKOUT,
            env=self.variables,
            capture_output=quiet,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shown = f": {(done.stderr or done.stdout).strip()}" if quiet else "; the engine says why above"
            raise LabError(f"`pulumi {arguments[0]}` of {self._stack} ended with {done.returncode}{shown}.")

    def _charts(self) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        # What a chart is given is the program's own business; the rest of the lab does without it.
        from chatgpt_mesh.components import checked
        from chatgpt_mesh.components.mesh_config import mesh_config
        from chatgpt_mesh.components.rendering import rendered
        from chatgpt_mesh.mesh.build import Mesh
        from chatgpt_mesh.stack import settings

        os.environ.update({name: self.variables[name] for name in ("LAB_STATE", "ISTIO_CHARTS", "KUBECONFIG")})
        today = datetime.now(tz=UTC).date()
        loaded = settings.load_stack(CHECKOUT / f"Pulumi.{self._stack}.yaml", today)
        mesh = Mesh(loaded, today)
        for name, values in checked.charts_of(
            loaded.istio, loaded.cluster, mesh, mesh_config(mesh), loaded.platform
        ).items():
            _, namespace, release = name.split("/") if name.startswith("gateway/") else ("", "istio-system", name)
            yield (
                name,
                rendered(
                    values,
                    self._toolchain.istio_charts,
                    self._toolchain.path("helm"),
                    release=release.removeprefix("istiod/"),
                    namespace=namespace,
                    # The CNI plugin's chart knows GKE's directories by the version's suffix.
                    kubernetes="1.35.0-gke.1" if loaded.platform == "gke" else "1.35.0",
                ),
            )


def preview(
    stack: str, toolchain: Toolchain, screen: Screen, objects: Path | None = None, *, diff: bool = False
) -> None:
    """Plan a stack and leave nothing behind.

    Raises:
        LabError: the plan has an error.
    """
    toolchain.ensure(FAMILIES, screen)
    with tempfile.TemporaryDirectory(prefix="chatgpt-mesh-preview-") as directory:
        Preview(stack, Path(directory), toolchain, screen).run(objects, diff=diff)


def summary(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per kind: how many, and which."""
    names: dict[str, list[str]] = {}
    for found in objects:
        metadata = found["metadata"]
        name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        names.setdefault(found["kind"], []).append(name)
    return [f"{len(names[kind]):>3} {kind}: {', '.join(sorted(names[kind]))}" for kind in sorted(names)]


def _identity(found: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = found["metadata"]
    return found["kind"], metadata.get("namespace", ""), metadata["name"]
