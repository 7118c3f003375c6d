"""Manifests that a tool has to make first: charts, kustomizations, and the objects of a running cluster."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT = 120
"""Seconds that a tool may take."""


class RenderError(Exception):
    """A tool that failed, with what it said."""


KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def is_chart(directory: Path) -> bool:
    """Whether the directory is a Helm chart."""
    return (directory / "Chart.yaml").is_file()


def is_kustomization(directory: Path) -> bool:
    """Whether the directory is built by kustomize."""
    return any((directory / name).is_file() for name in KUSTOMIZATIONS)


def renderer(directory: Path) -> list[str] | None:
    """The command that makes manifests of a directory, with what this machine has; None where it has none."""
    if is_chart(directory) and shutil.which("helm"):
        return ["helm", "template", "meshlint", str(directory)]
    if is_kustomization(directory):
        if shutil.which("kustomize"):
            return ["kustomize", "build", str(directory)]
        if shutil.which("kubectl"):
            return ["kubectl", "kustomize", str(directory)]
    return None


def output_of(command: Sequence[str]) -> bytes:
    """What a command prints.

    Raises:
        RenderError: where it fails, or takes too long.
    """
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError(f"{command[0]} did not run: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:400]
        raise RenderError(f"`{' '.join(command)}` failed: {said}")
    return done.stdout


KINDS = (
    "namespaces", "serviceaccounts", "services", "deployments.apps", "statefulsets.apps", "daemonsets.apps",
    "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)  # fmt: skip
"""Kinds of Kubernetes that are read of a cluster. Secrets are not: nobody need hand a linter keys."""

GROUPS = ("istio.io", "gateway.networking.k8s.io")
"""API groups of which every kind is read, and Istio's own ConfigMap beside."""


def of_cluster(kubeconfig: str, context: str | None) -> list[bytes]:
    """The objects of a cluster that rules read, as lists.

    Raises:
        RenderError: where kubectl is missing or the cluster does not answer.
    """
    if not shutil.which("kubectl"):
        raise RenderError("reading a cluster needs kubectl on the PATH")
    kubectl = ["kubectl", "--kubeconfig", kubeconfig, *(["--context", context] if context else [])]
    served = output_of([*kubectl, "api-resources", "--verbs=list", "--output=name"]).decode().split()
    wanted = [name for name in served if name in KINDS or name.partition(".")[2].endswith(GROUPS)]
    listed = output_of([*kubectl, "get", ",".join(wanted), "--all-namespaces", "--output=json"])
    settings = [
        *kubectl, "get", "configmaps", "--namespace=istio-system", "--field-selector=metadata.name=istio",
        "--output=json",
    ]  # fmt: skip
    return [listed, output_of(settings)]
