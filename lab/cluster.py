"""Brings the cluster up from any state it may be in, and takes it down without a trace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lab import cgroups, control_plane, images, leftovers, network, node, pki
from lab.failure import LabError
from lab.json_types import JsonObject, objects_at
from lab.kubeconfig import ApiServer
from lab.processes import Process, Processes, end
from lab.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.screen import Screen
    from lab.state import State
    from lab.toolchain import Toolchain

MANIFESTS = Path(__file__).resolve().parent / "manifests"

ORDER_OF_STOPPING = (
    node.KUBELET,
    node.KUBE_PROXY,
    control_plane.SCHEDULER,
    control_plane.CONTROLLER_MANAGER,
    control_plane.API_SERVER,
    control_plane.ETCD,
)
PATIENCE_WITH_A_RUNNING_PROCESS = 5.0
PROCESS_NAMES = (node.CONTAINERD, *reversed(ORDER_OF_STOPPING))


class Cluster:
    """The one-node cluster of a state directory."""

    def __init__(self, state: State, toolchain: Toolchain, screen: Screen) -> None:
        self._state = state
        self._toolchain = toolchain
        self._screen = screen
        self._processes = Processes(state)

    def up(self) -> None:
        """Start what does not run; when it returns, the node is Ready and DNS answers.

        Raises:
            LabError: something of the machine is in the way, or a process does not get ready.
        """
        self._clear_the_way()
        cgroups.create()
        network.create_bridge(self._state)
        control_plane.write_admin_kubeconfig(self._state)
        pki.edge_authority(self._state.pki)
        with ThreadPoolExecutor(max_workers=2) as pool:
            parts = [pool.submit(self._runtime_and_images), pool.submit(self._control_plane)]
            for part in parts:
                part.result()
            api = ApiServer(self._state.kubeconfig)
            self._start(node.kubelet(self._state, self._toolchain), lambda: _http_ok("http://127.0.0.1:10248/healthz"))
            self._deploy_dns(api)
            with self._screen.step("node Ready"):
                self._wait("The node", lambda: node_ready(api), 60, node.KUBELET)
            # after the node: kube-proxy looks its address up, and waits half a minute when it is not there yet
            self._start(
                node.kube_proxy(self._state, self._toolchain), lambda: _http_ok("http://127.0.0.1:10249/healthz")
            )
            with self._screen.step("DNS ready"):
                self._wait("CoreDNS", lambda: deployment_available(api, "kube-system", "coredns"), 60, node.KUBELET)

    def down(self) -> None:
        """End everything and delete the state directory."""
        with self._screen.step("processes, containers, network"):
            leftovers.sweep(self._state)
        remains = leftovers.remains(self._state)
        if remains:
            raise LabError(f"After `down` these remain: {'; '.join(remains)}. Run `python -m lab down` again.")
        with self._screen.step(f"files in {self._state.root}"):
            for entry in self._state.root.iterdir():
                if entry == self._state.lock:
                    continue  # held by this very command
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()

    def _clear_the_way(self) -> None:
        """Take away what an earlier run has left, unless it still works; refuse what belongs to others."""
        # first of all: what looks like leftovers may belong to whoever holds the ports
        network.require_ports(self._processes.own_pids())
        alive = any(self._processes.running(name) for name in PROCESS_NAMES) or any(leftovers.shims(self._state))
        if alive and Path(f"/sys/class/net/{network.BRIDGE}").exists():
            # pods may live on: in the way are only processes that were started but never recorded
            strays = [pid for pid, name in self._processes.strays() if name in PROCESS_NAMES and _program(pid) == name]
            end(strays, 5.0)
        elif leftovers.remains(self._state):
            with self._screen.step("leftovers of an earlier run"):
                leftovers.sweep(self._state)

    def _runtime_and_images(self) -> None:
        runtime = Runtime(self._state)
        self._start(node.containerd(self._state), runtime.answers)
        wanted = images.all_images(self._toolchain, pki.edge_authority(self._state.pki).certificate)
        with self._screen.step("images"):
            runtime.ensure_all(wanted)

    def _control_plane(self) -> None:
        api = ApiServer(self._state.kubeconfig)
        self._start(control_plane.etcd(self._state, self._toolchain), lambda: api.healthy(control_plane.ETCD_HEALTH))
        self._start(control_plane.api_server(self._state, self._toolchain), lambda: api.get("/readyz") is not None)
        self._start(
            control_plane.controller_manager(self._state, self._toolchain),
            lambda: api.healthy(control_plane.CONTROLLER_MANAGER_HEALTH),
        )
        self._start(
            control_plane.scheduler(self._state, self._toolchain),
            lambda: api.healthy(control_plane.SCHEDULER_HEALTH),
        )

    def _start(self, process: Process, ready: Callable[[], bool]) -> None:
        """Start a process, or leave it alone when it runs as it should; one that runs but hangs is started anew."""
        started = self._processes.start(process)
        if not started and _becomes_true(ready, PATIENCE_WITH_A_RUNNING_PROCESS):
            return
        with self._screen.step(process.name):
            if not started:
                self._processes.stop(process.name, grace=2.0)
                self._processes.start(process)
            self._processes.wait_ready(process.name, ready, 60)

    def _deploy_dns(self, api: ApiServer) -> None:
        manifest = MANIFESTS / "coredns.yaml"
        mark = self._state.config / "coredns.applied"
        if (
            mark.exists()
            and mark.read_bytes() == manifest.read_bytes()
            and deployment_available(api, "kube-system", "coredns")
        ):
            return
        kubectl(
            self._state.kubeconfig, self._toolchain, "apply", "--server-side", "--force-conflicts", "-f", str(manifest)
        )
        mark.write_bytes(manifest.read_bytes())

    def _wait(self, what: str, done: Callable[[], bool], timeout: float, log: str) -> None:
        deadline = time.monotonic() + timeout
        while not done():
            if stopped := self._processes.ended():
                raise LabError(
                    f"{what} cannot get ready: {', '.join(stopped)} ended.\n{self._processes.log_tail(stopped[0])}"
                )
            if time.monotonic() > deadline:
                raise LabError(
                    f"{what} was not ready after {timeout:.0f} s; `python -m lab status` shows what "
                    f"is.\n{self._processes.log_tail(log)}"
                )
            time.sleep(0.2)


def kubectl(kubeconfig: Path, toolchain: Toolchain, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl and return what it prints.

    Raises:
        LabError: it failed; with its own message.
    """
    done = subprocess.run(
        [str(toolchain.path("kubectl")), f"--kubeconfig={kubeconfig}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()[-800:]}")
    return done.stdout


def node_ready(api: ApiServer) -> bool:
    """Whether the node's condition Ready is True."""
    body = api.get(f"/api/v1/nodes/{network.NODE_NAME}")
    return body is not None and _condition(json.loads(body), "Ready")


def deployment_available(api: ApiServer, namespace: str, name: str) -> bool:
    body = api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    if body is None:
        return False
    deployment = json.loads(body)
    current = deployment.get("status", {}).get("observedGeneration") == deployment["metadata"]["generation"]
    return current and _condition(deployment, "Available")


def _condition(resource: JsonObject, kind: str) -> bool:
    conditions = objects_at(resource, "status", "conditions")
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


def _http_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 # health checks on the loopback
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _becomes_true(condition: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _program(pid: int) -> str:
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return ""
