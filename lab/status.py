"""What ``python -m lab status`` and ``logs`` say."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from lab import cgroups, debian, leftovers
from lab.cluster import PROCESS_NAMES, node_ready
from lab.failure import LabError, WrongUseError
from lab.kubeconfig import ApiServer
from lab.processes import Processes, memory_bytes

if TYPE_CHECKING:
    from lab.state import State
    from lab.toolchain import Toolchain


def report(state: State) -> dict[str, Any]:
    """Processes, node, pods and memory as plain data; ``ready`` is True when everything runs and is ready."""
    processes = Processes(state)
    listed: list[dict[str, Any]] = []
    names = dict.fromkeys((*PROCESS_NAMES, *(record.name for record in processes.records())))
    for name in names:
        record = processes.running(name)
        listed.append(
            {
                "name": name,
                "running": record is not None,
                "pid": record.pid if record else None,
                "seconds": round(_age(record.start_time)) if record else None,
                "memory_mib": round(memory_bytes(record.pid) / 1024**2) if record else None,
                "log": str(processes.log(name)),
            }
        )
    pods: list[dict[str, Any]] = []
    ready = False
    if state.kubeconfig.exists():
        api = ApiServer(state.kubeconfig)
        ready = node_ready(api)
        pods = [_pod(item) for item in json.loads(api.get("/api/v1/pods") or b'{"items": []}')["items"]]
    daemons = sum(one["memory_mib"] or 0 for one in listed)
    containers = (
        sum(memory_bytes(pid) for pid in (*cgroups.processes(), *leftovers.shims(state))) // 1024**2
        if os.geteuid() == 0
        else 0
    )
    return {
        "state": str(state.root),
        "processes": listed,
        "node_ready": ready,
        "pods": pods,
        "memory_mib": {"processes": daemons, "containers": containers, "total": daemons + containers},
        "ready": ready and all(one["running"] for one in listed) and all(one["ready"] for one in pods),
    }


def _age(start_ticks: int) -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")


def _pod(item: dict[str, Any]) -> dict[str, Any]:
    statuses = item["status"].get("containerStatuses", [])
    waiting = [one["state"]["waiting"].get("reason", "waiting") for one in statuses if "waiting" in one["state"]]
    done = item["status"].get("phase") == "Succeeded"
    return {
        "namespace": item["metadata"]["namespace"],
        "name": item["metadata"]["name"],
        "ready": done or (bool(statuses) and all(one["ready"] for one in statuses)),
        "containers": f"{sum(one['ready'] for one in statuses)}/{len(statuses)}",
        "restarts": sum(one["restartCount"] for one in statuses),
        "phase": ", ".join(waiting) or item["status"].get("phase", "Unknown"),
    }


def table(found: dict[str, Any]) -> str:
    """The report for a person."""
    lines = [f"Lab in {found['state']}: {'ready' if found['ready'] else 'not ready'}", ""]
    for one in found["processes"]:
        state = (
            f"running  pid {one['pid']:<8} {one['memory_mib']:>5} MiB"
            if one["running"]
            else f"not running; its log: {one['log']}"
        )
        lines.append(f"  {one['name']:<26} {state}")
    lines += [f"  {'node':<26} {'Ready' if found['node_ready'] else 'not Ready'}", ""]
    for pod in found["pods"]:
        lines.append(
            f"  {pod['namespace'] + '/' + pod['name']:<66} {pod['containers']:>5} {pod['phase']:<18} "
            f"{pod['restarts']} restarts"
        )
    memory = found["memory_mib"]
    lines += [
        "",
        f"Memory: {memory['total']} MiB ({memory['processes']} processes, {memory['containers']} containers)",
    ]
    stopped = [one["name"] for one in found["processes"] if not one["running"]]
    if stopped:
        lines.append(f"Not running: {', '.join(stopped)}. `python -m lab up` starts them again.")
    return "\n".join(lines)


def log_command(
    state: State, toolchain: Toolchain, name: str, container: str | None, tail: int, *, follow: bool
) -> list[str]:
    """The command that prints the log of a process of the lab or of a pod.

    Raises:
        WrongUseError: no process and no pod of that name, or several pods of different owners.
    """
    log = Processes(state).log(name)
    if log.exists():
        return [debian.command("tail"), f"--lines={tail}", *(["--follow=name"] if follow else []), str(log)]
    if not state.kubeconfig.exists():
        raise LabError(f"There is no lab in {state.root}: run `python -m lab up`.")
    body = ApiServer(state.kubeconfig).get("/api/v1/pods", timeout=5)
    if body is None:
        raise LabError(
            "The API server does not answer: `python -m lab status` shows what runs, `python -m lab up` starts it "
            "again."
        )
    pods = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in json.loads(body)["items"]]
    namespace, _, beginning = name.rpartition("/")
    matching = [pod for pod in pods if pod[1].startswith(beginning) and namespace in ("", pod[0])]
    if not matching:
        known = ", ".join(sorted(f"{one}/{pod}" for one, pod in pods)) or "none"
        raise WrongUseError(
            f"No pod and no process is called {name}. Pods: {known}. Processes: {', '.join(PROCESS_NAMES)}."
        )
    chosen = matching[0]
    kubectl = str(toolchain.path("kubectl"))
    arguments = ["logs", f"--namespace={chosen[0]}", chosen[1], f"--tail={tail}"]
    return [
        kubectl,
        f"--kubeconfig={state.kubeconfig}",
        *arguments,
        *([f"--container={container}"] if container else []),
        *(["--follow"] if follow else []),
    ]
