"""The subcommands of ``python -m lab``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab import debian, environment
from lab.failure import LabError, Terminated, WrongUseError
from lab.kubeconfig import require_usable
from lab.screen import Screen
from lab.state import State, exclusive
from lab.toolchain import DEPLOY_FAMILIES, LAB_FAMILIES, Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLEAN, FINDINGS, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def parser() -> argparse.ArgumentParser:
    """The command line, with a help text per subcommand."""
    top = argparse.ArgumentParser(
        prog="python -m lab",
        description="A one-node Kubernetes on this machine that runs a stack of this repository for real.",
        epilog="Environment: LAB_STATE (default /var/lib/chatgpt-mesh-lab), LAB_CACHE (default "
        "~/.cache/chatgpt-mesh-lab), LAB_KUBECONFIG (use an existing cluster instead). "
        "Exit codes: 0 fine, 1 something is wrong (said in a sentence), 2 wrong use.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.set_defaults(run=run)
        return command

    up = add(
        "up",
        _up,
        "build the tools, start the cluster, deploy the stack and the sample workloads, and call a tool through the "
        "gateway",
    )
    up.add_argument(
        "--mesh", default="staging", metavar="STACK", help="the environment whose mesh is run (default: staging)"
    )
    up.add_argument("--cluster-only", action="store_true", help="stop when the cluster is ready")
    down = add("down", _down, "end the cluster and delete its state directory; the cache of built tools stays")
    down.add_argument("--mesh", default="staging", metavar="STACK", help="with LAB_KUBECONFIG: what was run there")
    preview = add("preview", _preview, "what a stack would register, without credentials or network")
    preview.add_argument("stack", metavar="STACK", help="staging, prod or lab")
    preview.add_argument("--diff", action="store_true", help="show every input of every resource")
    preview.add_argument("--objects", metavar="DIRECTORY", help="also write each chart's objects there, as YAML")
    status = add(
        "status", _status, "which processes run, whether the node and its pods are ready, and how much memory all take"
    )
    status.add_argument("--format", choices=("table", "json"), default="table")
    logs = add("logs", _logs, "the log of a pod, or of one of the cluster's own processes")
    logs.add_argument(
        "pod", metavar="POD", help="NAMESPACE/POD, the beginning of a pod's name, or a process such as kubelet"
    )
    logs.add_argument("-c", "--container", help="container of the pod (default: the first; istio-proxy is the sidecar)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on printing")
    logs.add_argument(
        "--tail", type=int, default=200, metavar="LINES", help="how many lines from the end (default: 200)"
    )
    add("shell", _shell, "a shell in which kubectl, helm, istioctl and pulumi work on the lab")
    env = add("env", _env, 'that environment as text: eval "$(python -m lab env)"')
    env.add_argument("--format", choices=("sh", "json"), default="sh")
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; the result is the exit code."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return options.run(options)
    except WrongUseError as failure:
        print(f"lab: {failure}", file=sys.stderr)
        return WRONG_USE
    except LabError as failure:
        print(f"lab: {failure}", file=sys.stderr)
        return FINDINGS
    except KeyboardInterrupt:
        print(
            "\nlab: interrupted. `python -m lab up` goes on from here, `python -m lab down` takes away what is there.",
            file=sys.stderr,
        )
        return INTERRUPTED


def _terminated(_number: int, _frame: object) -> None:
    raise Terminated


def _up(options: argparse.Namespace) -> int:
    from lab.cluster import Cluster
    from lab.stack import require_stack

    require_stack(options.mesh)
    screen, state, toolchain = Screen(), State.from_environment(), Toolchain()
    external = os.environ.get("LAB_KUBECONFIG")
    if external:
        require_usable(environment.kubeconfig(state))
    else:
        debian.require_root()
    state.create()
    with exclusive(state, "python -m lab up"):
        if not external:
            debian.ensure_packages(screen)
        toolchain.ensure(DEPLOY_FAMILIES if external else LAB_FAMILIES, screen)
        environment.link_commands(state, toolchain)
        if not external:
            screen.heading(f"Cluster in {state.root}")
            Cluster(state, toolchain, screen).up()
        if options.cluster_only:
            screen.line('Ready. Next: eval "$(python -m lab env)", then kubectl get pods -A')
            return CLEAN
        from lab.deploy import Deployment

        Deployment(state, toolchain, options.mesh, screen).up()
    return CLEAN


def _down(options: argparse.Namespace) -> int:
    from lab import leftovers
    from lab.cluster import Cluster

    screen, state, toolchain = Screen(), State.from_environment(), Toolchain()
    if os.environ.get("LAB_KUBECONFIG"):
        from lab.deploy import Deployment

        require_usable(environment.kubeconfig(state))
        with exclusive(state, "python -m lab down"):
            Deployment(state, toolchain, options.mesh, screen).down()
        return CLEAN
    debian.require_root()
    if not state.root.exists() and not leftovers.remains(state):
        screen.line(f"There is no lab in {state.root}.")
        return CLEAN
    with exclusive(state, "python -m lab down"):
        Cluster(state, toolchain, screen).down()
        state.lock.unlink(missing_ok=True)
        state.root.rmdir()
    return CLEAN


def _preview(options: argparse.Namespace) -> int:
    from lab.preview import preview
    from lab.stack import STACK, require_stack

    if options.stack != STACK:
        require_stack(options.stack)
    objects = Path(options.objects) if options.objects else None
    preview(options.stack, Toolchain(), Screen(), objects, diff=options.diff)
    return CLEAN


def _status(options: argparse.Namespace) -> int:
    from lab.status import report, table

    found = report(State.from_environment())
    print(json.dumps(found, indent=2) if options.format == "json" else table(found))
    return CLEAN if found["ready"] else FINDINGS


def _logs(options: argparse.Namespace) -> int:
    from lab.status import log_command

    command = log_command(
        State.from_environment(), Toolchain(), options.pod, options.container, options.tail, follow=options.follow
    )
    os.execv(command[0], command)  # noqa: S606 # replaces this process: signals and exit code are kubectl's own


def _shell(options: argparse.Namespace) -> int:  # noqa: ARG001
    state = State.from_environment()
    environment.use_installed_plugins(state)
    values = environment.variables(state, Toolchain())
    shell = os.environ.get("SHELL") or "/bin/sh"
    print(f"A shell on the lab in {state.root}; `exit` leaves it.", file=sys.stderr)
    os.execve(shell, [shell], {**os.environ, **values})  # noqa: S606 # the user's own shell


def _env(options: argparse.Namespace) -> int:
    state = State.from_environment()
    environment.use_installed_plugins(state)
    values = environment.variables(state, Toolchain())
    print(
        json.dumps(values, indent=2) if options.format == "json" else environment.exports(values),
        end="\n" if options.format == "json" else "",
    )
    return CLEAN
