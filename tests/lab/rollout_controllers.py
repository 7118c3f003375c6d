"""The real controllers of rollouts against the lab's API server, as service accounts with the rights that they ship."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from lab.screen import Screen
from lab.toolchain import ROLLOUT_FAMILIES, Toolchain
from tests.lab.kubectl import kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

HOME = "rollout-controllers"
"""The namespace of their service accounts."""


@dataclass(frozen=True, slots=True)
class Controller:
    """`definitions` and `rights` are files of its module; `account` as `rights` binds it."""

    family: str
    program: str
    account: str
    definitions: Sequence[str]
    rights: Sequence[str]


FLAGGER = Controller(
    family="flagger",
    program="flagger",
    account="flagger",
    definitions=("artifacts/flagger/crd.yaml",),
    rights=("artifacts/flagger/account.yaml",),
)
ARGO_ROLLOUTS = Controller(
    family="argo-rollouts",
    program="rollouts-controller",
    account="argo-rollouts",
    definitions=tuple(
        f"manifests/crds/{name}-crd.yaml"
        for name in ("rollout", "experiment", "analysis-run", "analysis-template", "cluster-analysis-template")
    ),
    rights=(
        "manifests/base/argo-rollouts-sa.yaml",
        "manifests/role/argo-rollouts-clusterrole.yaml",
        "manifests/cluster-install/argo-rollouts-clusterrolebinding.yaml",
    ),
)


@contextlib.contextmanager
def running(lab: RunningLab, controller: Controller, directory: Path, *arguments: str) -> Iterator[Path]:
    """The controller as a process of this machine; what it logs."""
    toolchain = Toolchain()
    toolchain.ensure(ROLLOUT_FAMILIES, Screen())
    source = toolchain.directory(controller.family) / "source"
    definitions = [source / name for name in controller.definitions]
    rights = [one for name in controller.rights for one in _at_home(source / name)]
    files = [f"--filename={path}" for path in definitions]
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}
    log = directory / f"{controller.program}.log"
    process: subprocess.Popen[bytes] | None = None
    try:
        kubectl(lab, "apply", "--server-side", "--force-conflicts", *files)
        kubectl(lab, "wait", "--for=condition=Established", "--timeout=60s", *files)
        kubectl(lab, "apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all([home, *rights]))
        kubeconfig = _kubeconfig(lab, controller.account, directory)
        command = [str(toolchain.path(controller.program)), f"--kubeconfig={kubeconfig}", *arguments]
        with log.open("wb") as written:
            process = subprocess.Popen(command, stdout=written, stderr=written)
        yield log
        assert process.poll() is None, f"{controller.program} has ended: {log.read_text()[-2000:]}"
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)
        kubectl(lab, "delete", "--ignore-not-found", "--timeout=60s", *files)
        kubectl(lab, "delete", "--ignore-not-found", "--filename=-", stdin=yaml.safe_dump_all([*rights, home]))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _at_home(path: Path) -> Iterator[dict[str, Any]]:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if document["kind"] == "ServiceAccount":
            document["metadata"]["namespace"] = HOME
        for subject in document.get("subjects", ()):
            subject["namespace"] = HOME
        yield document


def _kubeconfig(lab: RunningLab, account: str, directory: Path) -> Path:
    """The service account's own token, and nobody's rights but its own."""
    whole: dict[str, Any] = yaml.safe_load(lab.kubeconfig.read_text(encoding="utf-8"))
    token = kubectl(lab, "create", "token", account, f"--namespace={HOME}", "--duration=1h").strip()
    [user] = {context["context"]["user"] for context in whole["contexts"]}
    whole["users"] = [{"name": user, "user": {"token": token}}]
    path = directory / f"{account}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path
