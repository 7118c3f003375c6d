"""`python -m mesh rollout`."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.rollout.engine import Engine, EngineError
from chatgpt_mesh.rollout.guards import Guards
from chatgpt_mesh.rollout.prometheus import TOKEN, Prometheus, QueryRefusedError
from chatgpt_mesh.rollout.walk import StoppedError, TakenBackError, Walk

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from chatgpt_mesh.mesh.specs.app import AppSpec

_EPILOG = f"""\
Each share of rollout.canary.steps is written into the stack file and deployed by `pulumi up`, then watched. The first
interrupt lets an `up` that runs come to its end and stops there; the same command goes on from the declared share.
A bearer token for Prometheus is read from {TOKEN}.

exit status: 0 the last share is good, 1 the canary was taken back to 0, 2 it stays where it is: interrupted, Prometheus
away, too few requests, an `up` that failed, or wrong use"""


def add_command(commands: Any) -> None:
    from argparse import RawDescriptionHelpFormatter

    text = "take a canary to all traffic by its declared steps while Prometheus agrees, and back to 0 where it does not"
    parser = commands.add_parser(
        "rollout", help=text, description=text, epilog=_EPILOG, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("stack", help="name of a stack (prod)")
    parser.add_argument("app", help="an app with rollout.canary.steps")
    parser.add_argument("--prometheus", metavar="URL", required=True, help="such as http://localhost:9090")
    parser.add_argument("--config-file", metavar="FILE", help="its stack file; Pulumi.STACK.yaml if not given")


def run(arguments: argparse.Namespace, apps: Mapping[str, AppSpec], project: Path, file: Path) -> int:
    """`file`: the stack file, in which the share is moved."""
    try:
        walk, engine = _walk(arguments, apps, project, file)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    with _interrupts(walk.interrupted, engine):
        try:
            if not engine.is_as_declared():
                print(
                    f"The stack is not as {file.name} declares, and a rollout moves a share and nothing else: look at "
                    "what Pulumi shows above, run `pulumi up`, then this again.",
                    file=sys.stderr,
                )
                return 2
            walk.go()
        except TakenBackError as error:
            print(f"{error} {file.name} says so; commit it.", file=sys.stderr)
            return 1
        except (StoppedError, QueryRefusedError) as error:
            print(
                f"{error} It stays at the share in {file.name}; the same command goes on from there.", file=sys.stderr
            )
            return 2
        except EngineError as error:
            print(f"{error}. {file.name} has the share: mend the cause, `pulumi up`, then this again.", file=sys.stderr)
            return 2
    version = walk.guards.canary.version
    print(f"{version} of {arguments.app} is at its last share; {file.name} says so: commit it.")
    if walk.guards.steps.percents[-1] == 100:
        print(f"Then make {version} the stable version, and take the old one out of versions.")
    return 0


def _walk(arguments: argparse.Namespace, apps: Mapping[str, AppSpec], project: Path, file: Path) -> tuple[Walk, Engine]:
    """ValueError with a sentence for what the arguments do not fit."""
    name = arguments.app
    if name not in apps:
        raise ValueError(f"{name}: no such app; this stack declares: {', '.join(apps) or 'none'}")
    rollout = apps[name].rollout
    canary = rollout and rollout.canary
    if canary is None or canary.steps is None:
        raise ValueError(
            f"apps.{name}.rollout.canary.steps: is missing; declare the way, such as steps: {{percents: [5, 50, 100]}}"
        )
    prometheus, engine = Prometheus(arguments.prometheus), Engine(arguments.stack, file, project)
    guards = Guards(apps[name], canary, canary.steps)
    return Walk(guards, prometheus.number, engine, threading.Event(), lambda text: print(text, flush=True)), engine


@contextlib.contextmanager
def _interrupts(interrupted: Any, engine: Engine) -> Generator[None]:
    """The first stops the walk between two commands, a second one the command that runs."""

    def handle(_signal: int, _frame: object) -> None:
        if interrupted.is_set():
            engine.interrupt()
        interrupted.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
