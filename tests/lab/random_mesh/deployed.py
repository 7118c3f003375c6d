"""A random stack on the running lab: deployed by the engine over the one before, with a workload for every app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.specs.injection import Injection
from chatgpt_mesh.control_plane.acknowledgement import UpdateRejectedError
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack.settings import Settings, load_stack
from lab.deploy import FIELD_MANAGER
from lab.images import WORKLOAD_IMAGE
from lab.state import CHECKOUT
from meshlint.environment import Environment
from meshlint.view.mesh import MeshView
from tests.lab.random_mesh import workloads
from tests.lab.random_mesh.declaration import NAMESPACES, declaration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.lab.running_lab import Pod, RunningLab

KINDS = (
    "gateways.networking.istio.io,virtualservices,destinationrules,serviceentries,sidecars,authorizationpolicies,"
    "requestauthentications,peerauthentications,envoyfilters.networking.istio.io,services,deployments,namespaces,"
    "serviceaccounts"
)
_OURS = ",".join(f"{name}={value}" for name, value in workloads.PART_OF.items())
_READY_SECONDS = 150


@dataclass(frozen=True)
class Deployed:
    """A random stack that runs; `refused` is what proxies refused of it."""

    lab: RunningLab
    seed: int
    stack: Settings
    refused: list[str]

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The mesh as the API server has it."""
        listed = _kubectl(self.lab, "get", KINDS, "--all-namespaces", "--output=json")
        items: list[dict[str, Any]] = json.loads(listed)["items"]
        settings = _kubectl(self.lab, "get", "configmap", "istio", "--namespace=istio-system", "--output=json")
        return [*items, json.loads(settings)]

    @cached_property
    def view(self) -> MeshView:
        return self.view_of(self.objects)

    def view_of(self, objects: list[dict[str, Any]]) -> MeshView:
        environment = Environment(trust_domain=self.stack.trust_domain)
        return MeshView(objects, environment=environment, today=datetime.now(UTC).date())

    @cached_property
    def app_pods(self) -> dict[str, list[Pod]]:
        """The pods of every app that has a Service."""
        return {
            name: self.lab.pods(app.namespace, f"{workloads.APP_LABEL}={name}")
            for name, app in self.stack.apps.items()
            if app.service is not None
        }


class RandomStacks:
    """The lab while random stacks are deployed to it one after another."""

    def __init__(self, lab: RunningLab, mesh: str) -> None:
        self._lab = lab
        self._mesh = mesh
        self.running: Deployed | None = None
        # a run that was killed may have left some of its own
        self._namespaces = {*NAMESPACES, *(app.namespace for app in lab.stack.apps.values())}

    def deploy(self, seed: int) -> Deployed:
        """The stack of a number in place of whatever runs, workloads ready, every proxy in step."""
        stack_file = self._stack_file(seed)
        stack = load_stack(stack_file)
        if self.running is None:
            # Callers that a killed run left may be older than the control plane, whose authority signs for them.
            _kubectl(self._lab, "delete", "namespaces", f"--selector={_OURS}", "--ignore-not-found", "--wait=true")
        self.running = None
        self._clear(stack)
        done = self._lab.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", stack_file=stack_file)
        assert done.returncode == 0, f"seed {seed}, {stack_file}: {done.stdout}"
        self._namespaces = {app.namespace for app in stack.apps.values()}
        self._apply([*workloads.callers(WORKLOAD_IMAGE), *workloads.workloads(stack, WORKLOAD_IMAGE)])
        refused: list[str] = []
        try:
            self._lab.objects.wait_synced()
        except UpdateRejectedError as error:
            refused.append(str(error))
        refused += map(str, self._lab.plane.rejections())
        self.running = Deployed(self._lab, seed, stack, list(dict.fromkeys(refused)))
        return self.running

    def restore(self) -> None:
        """The lab as `python -m lab up` makes it, without anything of random stacks."""
        _kubectl(self._lab, "delete", "namespaces", f"--selector={_OURS}", "--ignore-not-found", "--wait=false")
        self._clear(self._lab.stack)
        for path in self._directory.glob("Pulumi.random-*.yaml"):
            path.unlink()
        subprocess.run([sys.executable, "-m", "lab", "up", "--mesh", self._mesh], cwd=CHECKOUT, check=True)

    @property
    def _directory(self) -> Path:
        return self._lab.state.config

    def _stack_file(self, seed: int) -> Path:
        """What the checker finds in it is accepted: here the mesh is asked, and other tests ask the checker's rules."""
        declared = declaration(seed, self._lab.stack)
        made = self._lab.stack_with(declared, self._directory)
        declared["accept"] = accepted(load_stack(made))
        made.unlink()
        made = self._lab.stack_with(declared, self._directory)
        return made.rename(self._directory / f"Pulumi.random-{seed}.yaml")

    def _clear(self, successor: Settings) -> None:
        """End the pods of the stack before, which would keep their namespaces for as long as their streams may last."""
        kept = {app.namespace for app in successor.apps.values()}
        for namespace in sorted(self._namespaces):
            everything = ["--all"] if namespace not in kept else [f"--selector={_OURS}"]
            kinds = "deployments,services,serviceaccounts" if namespace in kept else "deployments"
            common = [f"--namespace={namespace}", *everything, "--ignore-not-found", "--wait=true"]
            _kubectl(self._lab, "delete", kinds, *common)
            _kubectl(self._lab, "delete", "pods", *common, "--grace-period=1")

    def _apply(self, objects: Iterable[dict[str, Any]]) -> None:
        wanted = list(objects)
        command = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--filename=-"]
        _kubectl(self._lab, *command, stdin=yaml.safe_dump_all(wanted))
        for namespace in sorted(set(_namespaces(wanted))):
            wait = ["wait", "--for=condition=Available", "deployments", f"--selector={_OURS}"]
            _kubectl(self._lab, *wait, f"--namespace={namespace}", f"--timeout={_READY_SECONDS}s")


def accepted(stack: Settings) -> list[dict[str, str]]:
    """The checker's errors in a stack, as its `accept` would have them."""
    today = datetime.now(UTC).date()
    mesh = Mesh(stack, today)
    charts = checked.charts_of(stack.istio, stack.cluster, mesh, mesh_config(mesh), stack.platform)
    errors, _ = checked.judged(mesh, charts, Injection(revision=stack.istio.injection), accept=(), today=today)
    found = {(error.message.partition(":")[0], error.path.rpartition(": ")[2]) for error in errors}
    until = (today + timedelta(days=30)).isoformat()
    return [
        {"code": code, "object": name, "until": until, "why": "a random stack, gone in a minute"}
        for code, name in sorted(found)
    ]


def _namespaces(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    for one in objects:
        if one["kind"] == "Deployment":
            yield one["metadata"]["namespace"]


def _kubectl(lab: RunningLab, *arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={lab.kubeconfig}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout
