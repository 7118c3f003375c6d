"""A random stack on the running lab: deployed by the engine over the one before, with a workload for every app."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.control_plane.acknowledgement import UpdateRejectedError
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import stack_files
from chatgpt_mesh.stack.settings import Settings, load_stack
from lab import edge
from lab.deploy import FIELD_MANAGER
from lab.images import WORKLOAD_IMAGE
from lab.pki import edge_authority
from lab.state import CHECKOUT
from meshlint.environment import Environment
from meshlint.view.mesh import MeshView
from tests.lab.kubectl import ISTIO_SYSTEM, end_leaving_pods, kubectl
from tests.lab.random_mesh import workloads
from tests.lab.random_mesh.agreeing import agreeing, services
from tests.lab.random_mesh.declaration import declaration
from tests.lab.random_mesh.in_force import wait_in_force
from tests.lab.running_lab import RunningLab, label_selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from tests.lab.running_lab import Pod

KINDS = (
    "gateways.networking.istio.io,virtualservices,destinationrules,serviceentries,sidecars,authorizationpolicies,"
    "requestauthentications,peerauthentications,envoyfilters.networking.istio.io,services,deployments,namespaces,"
    "serviceaccounts,telemetries.telemetry.istio.io"
)
_OURS = ",".join(f"{name}={value}" for name, value in workloads.PART_OF.items())
_READY_SECONDS = 150
_PARALLEL = 4
_AT_ONCE = ("--grace-period=1", "--wait=false")
_ACCEPTABLE = re.compile(r"accept it: \{code: (?P<code>MCP\d{3}), object: (?P<object>[^,}]+)")


@dataclass(frozen=True)
class Deployed:
    """A random stack that runs; `refused` is what proxies refused of it."""

    lab: RunningLab
    seed: int
    refused: list[str] = field(default_factory=list[str])

    @property
    def stack(self) -> Settings:
        return self.lab.stack

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The mesh as the API server has it."""
        listed = kubectl(self.lab, "get", KINDS, "--all-namespaces", "--output=json")
        items: list[dict[str, Any]] = json.loads(listed)["items"]
        settings = kubectl(self.lab, "get", "configmap", "istio", f"--namespace={ISTIO_SYSTEM}", "--output=json")
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
            name: self.lab.pods(app.namespace, label_selector(app.pod_labels))
            for name, app in self.stack.apps.items()
            if app.service is not None
        }


class RandomStacks:
    """The lab while random stacks are deployed to it one after another."""

    def __init__(self, lab: RunningLab, mesh: str) -> None:
        self._lab = lab
        self._mesh = mesh
        self._open = contextlib.ExitStack()
        self._authorizers = self._open.enter_context(agreeing())
        self.running: Deployed | None = None
        # Its successor replaces it.
        self._before = lab.stack

    def deploy(self, seed: int) -> Deployed:
        """The stack of a number in place of whatever runs, workloads ready, every proxy in step."""
        stack_file = self._stack_file(seed)
        stack = load_stack(stack_file)
        lab = RunningLab(self._lab.state, self._lab.kubeconfig, stack_file, stack)
        if self.running is None:
            # Callers that a killed run left may be older than the control plane, whose authority signs for them.
            self._delete_ours()
        self.running = None
        self._apply([*workloads.foreign(WORKLOAD_IMAGE), *services(stack, self._authorizers)])
        self._clear(stack)
        done = lab.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", stack_file=stack_file)
        assert done.returncode == 0, f"seed {seed}, {stack_file}: {done.stdout}"
        self._before = stack
        self._apply([*self._secrets(stack), *workloads.workloads(stack, WORKLOAD_IMAGE)])
        self._wait_ready({workloads.JOBS[0], *(app.namespace for app in stack.apps.values())})
        for home in sorted({gateway.home for gateway in stack.gateways.values()}):
            end_leaving_pods(self._lab, home)
        self.running = Deployed(lab, seed)
        try:
            wait_in_force(lab, self.running.objects)
        except UpdateRejectedError as error:
            self.running.refused.append(str(error))
        return self.running

    def restore(self) -> None:
        """The lab as `python -m lab up` makes it, without anything of random stacks."""
        self._delete_ours()
        self._clear(self._lab.stack)
        for path in self._directory.glob("Pulumi.random-*.yaml"):
            path.unlink()
        self._open.close()
        subprocess.run([sys.executable, "-m", "lab", "up", "--mesh", self._mesh], cwd=CHECKOUT, check=True)
        self._lab.forget_addresses()

    @property
    def _directory(self) -> Path:
        return self._lab.state.config

    def _stack_file(self, seed: int) -> Path:
        """What a person has to accept of it is accepted."""
        own = stack_files.read_stack_file(self._lab.stack_file).values
        declared = declaration(seed, self._lab.stack, own)
        path = self._directory / f"Pulumi.random-{seed}.yaml"
        self._write(path, declared)
        self._write(path, {**declared, "accept": accepted(load_stack(path))})
        return path

    def _write(self, path: Path, declared: Mapping[str, Any]) -> None:
        """A stack without parents: the engine's own part of the file is that of the lab's."""
        text = yaml.safe_load(self._lab.stack_file.read_text(encoding="utf-8"))
        text["config"] = {f"{stack_files.PACKAGE}:{name}": value for name, value in declared.items()}
        path.write_text(yaml.safe_dump(text), encoding="utf-8")

    def _delete_ours(self) -> None:
        kubectl(self._lab, "delete", "namespaces", f"--selector={_OURS}", "--ignore-not-found", "--wait=true")

    def _clear(self, successor: Settings) -> None:
        """End the pods of the stack before, which would keep their namespaces for as long as their streams may last."""
        kept = {app.namespace for app in successor.apps.values()}
        stay = {(gateway.home, gateway.release_name) for gateway in successor.gateways.values()}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            ended = [
                pool.submit(self._clear_namespace, namespace, kept=namespace in kept)
                for namespace in {app.namespace for app in self._before.apps.values()}
            ]
            ended += [
                pool.submit(self._end_gateway, gateway)
                for gateway in self._before.gateways.values()
                if (gateway.home, gateway.release_name) not in stay
            ]
            for one in ended:
                one.result()

    def _clear_namespace(self, namespace: str, *, kept: bool) -> None:
        here = [f"--namespace={namespace}", "--ignore-not-found"]
        if kept:
            ours = [f"--selector={_OURS}", "--cascade=foreground", "--wait=true"]
            kubectl(self._lab, "delete", "deployments,services,serviceaccounts", *ours, *here)
        else:
            kubectl(self._lab, "delete", "deployments,replicasets,pods", "--all", *_AT_ONCE, *here)

    def _end_gateway(self, gateway: GatewaySpec) -> None:
        here = [f"--namespace={gateway.home}", "--ignore-not-found"]
        labels = label_selector(gateway.pod_labels)
        kubectl(self._lab, "delete", "deployments", gateway.release_name, "--wait=false", *here)
        kubectl(self._lab, "delete", "replicasets,pods", f"--selector={labels}", *_AT_ONCE, *here)

    def _secrets(self, stack: Settings) -> Iterator[dict[str, Any]]:
        """What the listeners of gateways name, and the credentials that egress gateways show outside."""
        authority = edge_authority(self._lab.state.pki)
        listed = kubectl(self._lab, "get", "gateways.networking.istio.io", "--all-namespaces", "--output=json")
        found = edge.credentials(json.loads(listed)["items"])
        credentials = {
            destination.originate_tls.credential
            for destination in stack.egress.allow
            if destination.originate_tls is not None and destination.originate_tls.credential
        }
        homes = {gateway.home for gateway in stack.gateways.values() if gateway.kind == "egress"}
        found += [edge.Credential(home, name, ("client.example.com",)) for home in homes for name in credentials]
        yield from (edge.secret(one, authority) for one in found)

    def _apply(self, objects: Iterable[dict[str, Any]]) -> None:
        command = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--filename=-"]
        kubectl(self._lab, *command, stdin=yaml.safe_dump_all(list(objects)))

    def _wait_ready(self, namespaces: Iterable[str]) -> None:
        for namespace in sorted(namespaces):
            wait = ["wait", "--for=condition=Available", "deployments", f"--selector={_OURS}"]
            kubectl(self._lab, *wait, f"--namespace={namespace}", f"--timeout={_READY_SECONDS}s")


def accepted(stack: Settings) -> list[dict[str, str]]:
    """The checker's errors in a stack, each with the words by which it says that a person may accept it."""
    today = datetime.now(UTC).date()
    mesh = Mesh(stack, today)
    charts = checked.charts_of(stack.istio, stack.cluster, mesh, mesh_config(mesh), stack.platform)
    errors, _ = checked.judged(mesh, charts, stack.istio.injects, accept=(), today=today)
    told = [_ACCEPTABLE.search(str(error)) for error in errors]
    assert all(told), "\n".join(map(str, errors))
    found = {(one["code"], one["object"]) for one in told if one}
    until = (today + timedelta(days=30)).isoformat()
    return [
        {"code": code, "object": name, "until": until, "why": "a random stack, gone in a minute"}
        for code, name in sorted(found)
    ]
