"""Look at a mesh without touching it, and ask a running one whether every proxy follows it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.problem import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.objects.owned import Owned
    from chatgpt_mesh.mesh.specs.problem import Problem
    from chatgpt_mesh.stack.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 the stack (or the cluster) has mistakes, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m mesh", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser(
        "show",
        help="print every object that a stack stands for, each with its declaration, and what the checker says of them",
    )
    show.add_argument("stack", help="name of a stack (prod), or path of its file (Pulumi.prod.yaml)")
    show.add_argument("app", nargs="?", help="only what this app owns")
    show.add_argument("--format", choices=("yaml", "json", "names"), default="yaml", help="default: yaml")
    _add_verify(commands)
    arguments = parser.parse_args(argv)
    match arguments.command:
        case "show":
            return _show(arguments)
        case _:
            from chatgpt_mesh.control_plane import verify

            return verify.run(arguments)


def _add_verify(commands: Any) -> None:
    from chatgpt_mesh.control_plane import verify

    verify.add_arguments(commands.add_parser("verify", help="ask istiod whether any proxy refused an update"))


def stack_path(stack: str) -> Path:
    """The file of a stack given by path, or by name in the project of the working directory.

    Raises:
        InvalidConfig: a name, and no project.
    """
    from chatgpt_mesh.stack import project

    path = Path(stack)
    return path if path.suffix in (".yaml", ".yml") else project.directory() / f"Pulumi.{stack}.yaml"


def _show(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.stack import settings

    today = datetime.now(tz=UTC).date()
    try:
        path = stack_path(arguments.stack)
        if not path.is_file():
            known = sorted(file.name.split(".")[1] for file in path.parent.glob("Pulumi.*.yaml"))
            print(f"{path}: no such stack file; stacks here: {', '.join(known) or 'none'}", file=sys.stderr)
            return 2
        spec = settings.load_stack(path, today)
        mesh = Mesh(spec, today)
    except InvalidConfig as mistakes:
        print(mistakes, file=sys.stderr)
        return 1
    if arguments.app is not None and arguments.app not in spec.apps:
        print(f"{arguments.app}: no such app; this stack declares: {', '.join(spec.apps) or 'none'}", file=sys.stderr)
        return 2
    errors, warnings = _judged(spec, mesh, today)
    for warning in (*mesh.warnings, *spec.warnings(today), *warnings):
        print(f"warning: {warning}", file=sys.stderr)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    owner = arguments.app and f"apps.{arguments.app}"
    shown = [o for o in mesh.objects if owner is None or o.owner == owner or o.owner.startswith(f"{owner}.")]
    _print(shown, arguments.format)
    return 1 if errors else 0


def _judged(spec: Settings, mesh: Mesh, today: date) -> tuple[list[Problem], list[Problem]]:
    """What the program would stop at, and what it would warn of, before it registers anything."""
    from chatgpt_mesh.components import checked
    from chatgpt_mesh.components.mesh_config import mesh_config
    from chatgpt_mesh.components.specs.injection import Injection

    charts = checked.charts_of(spec.istio, spec.cluster, mesh, mesh_config(mesh), spec.platform)
    return checked.judged(mesh, charts, Injection(revision=spec.istio.injection), accept=spec.accept, today=today)


def _print(objects: Iterable[Owned], form: str) -> None:
    match form:
        case "names":
            for owned in objects:
                print(f"{owned.resource.key}\t{owned.owner}")
        case "json":
            json.dump([{"owner": o.owner, "object": o.resource.to_dict()} for o in objects], sys.stdout, indent=2)
            print()
        case _:
            print(as_yaml(objects), end="")


def as_yaml(objects: Iterable[Owned]) -> str:
    """One document per object, with the path of its declaration above it."""
    import yaml

    class Plain(yaml.SafeDumper):
        """YAML without anchors: what two objects share by accident is written twice."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    documents: list[str] = []
    for owned in objects:
        kept = "".join(f"# written once, then left to its controller: {path}\n" for path in owned.ignore_changes)
        manifest = yaml.dump(owned.resource.to_dict(), Dumper=Plain, sort_keys=False, width=120, allow_unicode=True)
        documents.append(f"# {owned.owner}\n{kept}{manifest}")
    return "---\n".join(documents)


if __name__ == "__main__":
    sys.exit(main())
