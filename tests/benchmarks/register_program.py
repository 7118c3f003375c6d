"""The program beside a bare one, by number of apps: `python -m tests.benchmarks.register_program [COUNT...]`.

Both run under Pulumi's mocks, each in a process of its own, one after the other. The bare program registers the same
objects from a file, as dicts and without any order: what is left is the price of declaring, checking and ordering them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.build_mesh import declaration
from tests.benchmarks.memory import peak_mib
from tests.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1, 10, 100, 1000)
PROJECT = "chatgpt-mesh"


class Cost(NamedTuple):
    seconds: float
    """CPU time from the end of the imports to the end of the program."""
    imports: float
    mebibytes: float
    """Peak of the whole process, imports included."""
    resources: int
    dependencies: int


def settings(count: int) -> dict[str, Any]:
    """A stack with so many apps on one gateway, on a cluster that is there."""
    cluster = {"kind": "existing", "context": "lab", "identifier": "benchmark"}
    istio = {"version": "1.31.0", "charts": "$ISTIO_CHARTS"}
    return {"cluster": cluster, "istio": istio, **declaration(count)}


def stack_file(count: int, directory: Path) -> Path:
    """The same as a file of a project of its own."""
    (directory / "Pulumi.yaml").write_text(f"{{name: {PROJECT}, runtime: python}}\n", encoding="utf-8")
    path = directory / "Pulumi.benchmark.yaml"
    config = {f"{PROJECT}:{name}": value for name, value in settings(count).items()}
    path.write_text(json.dumps({"config": config}), encoding="utf-8")
    return path


def measured(variant: str, count: int, objects: Path) -> Cost:
    command = [sys.executable, "-m", __spec__.name, variant, str(count), str(objects)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def compare(count: int) -> tuple[Cost, Cost]:
    """The program and the bare one, in turn; of each the quickest run, which a busy machine has falsified least."""
    found: list[tuple[Cost, Cost]] = []
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        objects = Path(directory) / "objects.json"
        rounds = 1 if count > 100 else 3
        found += ((measured("program", count, objects), measured("bare", count, objects)) for _ in range(rounds))
    return min(program for program, _ in found), min(bare for _, bare in found)


def rows(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for count in sizes:
        program, bare = compare(count)
        found.append(
            {
                "apps": count,
                "resources": program.resources,
                "dependencies": program.dependencies,
                "program_s": round(program.seconds, 2),
                "bare_s": round(bare.seconds, 2),
                "time_ratio": round(program.seconds / bare.seconds, 2),
                "program_mib": round(program.mebibytes),
                "bare_mib": round(bare.mebibytes),
                "memory_ratio": round(program.mebibytes / bare.mebibytes, 2),
            }
        )
    return found


def _run(variant: str, count: int, objects: Path) -> None:
    """One of the two, in this process."""
    import pulumi
    import pulumi_kubernetes
    from pulumi.runtime import config, mocks
    from pulumi.runtime import settings as settings_of_pulumi

    registered: list[tuple[str, str, Any]] = []
    edges: list[int] = []

    class Answering(mocks.Mocks):
        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            if args.typ.startswith("kubernetes:"):
                registered.append((args.typ, args.name, args.inputs))
            return f"{args.name}-id", args.inputs

        def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
            return {}, None

    class Counting(mocks.MockMonitor):
        def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name
            edges.append(len(request.dependencies))
            return super().RegisterResource(request)

    answering = Answering()
    settings_of_pulumi.ROOT.set(None)
    mocks.set_mocks(answering, PROJECT, "benchmark", preview=True, monitor=Counting(answering))
    program: Callable[[], None]
    if variant == "program":
        program = _product()
        given = {f"{PROJECT}:{name}": json.dumps(value) for name, value in settings(count).items()}
        config.set_all_config(given, [])
    else:
        described: list[tuple[str, str, Any]] = json.loads(objects.read_text(encoding="utf-8"))

        def program() -> None:
            provider = pulumi_kubernetes.Provider("cluster", kubeconfig="{}")
            for kind, name, inputs in described:
                pulumi.CustomResource(kind, name, inputs, pulumi.ResourceOptions(provider=provider))

    imported = time.process_time()
    mocks.test(program)()
    seconds = time.process_time() - imported
    peak = peak_mib()
    if variant == "program":
        objects.write_text(json.dumps(registered, default=str), encoding="utf-8")
    print(json.dumps(Cost(seconds, imported, peak, len(edges), sum(edges))._asdict()))


def _product() -> Callable[[], None]:
    """`main` of the program, with everything that it needs imported."""
    from chatgpt_mesh import program

    return program.main


def main() -> None:
    match sys.argv[1:]:
        case ["program" | "bare" as variant, count, objects]:
            _run(variant, int(count), Path(objects))
        case given:
            for found in rows(tuple(int(count) for count in given) or SIZES):
                print(json.dumps(found))


if __name__ == "__main__":
    main()
