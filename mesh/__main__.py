"""Look at a mesh without touching it: what it stands for, what a change does, a picture; ask a running one whether
every proxy follows it; and take a canary from share to share."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.review import command_line
from chatgpt_mesh.rollout import command_line as rollout_command_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from chatgpt_mesh.components.istio_needs import Need
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
    needs = commands.add_parser(
        "needs", help="list what a stack needs of Istio's installation, for whoever installs it (istio.install false)"
    )
    needs.add_argument("stack", help="name of a stack (prod), or path of its file (Pulumi.prod.yaml)")
    needs.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    _add_verify(commands)
    command_line.add_commands(commands)
    rollout_command_line.add_command(commands)
    arguments = parser.parse_args(argv)
    match arguments.command:
        case "diff" | "picture" | "report":
            return command_line.run(arguments)
        case "show":
            return _show(arguments)
        case "needs":
            return _needs(arguments)
        case "rollout":
            return _rollout(arguments)
        case _:
            return _verify(arguments)


def _add_verify(commands: Any) -> None:
    from chatgpt_mesh.control_plane import verify

    parser = commands.add_parser("verify", help="ask istiod whether any proxy refused an update")
    parser.add_argument(
        "stack",
        nargs="?",
        help="with istio.install false, also compare what this stack needs with how Istio is installed; the cluster is "
        "then the stack's, if not said otherwise",
    )
    verify.add_arguments(parser)


def _load(stack: str) -> tuple[Settings, Mesh] | int:
    """A stack and its mesh, or the exit status after its mistakes have been told."""
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.stack import project, settings

    today = dates.today()
    try:
        path = project.stack_file(stack)
        if not path.is_file():
            known = sorted(file.name.split(".")[1] for file in path.parent.glob("Pulumi.*.yaml"))
            print(f"{path}: no such stack file; stacks here: {', '.join(known) or 'none'}", file=sys.stderr)
            return 2
        spec = settings.load_stack(path, today)
        return spec, Mesh(spec, today)
    except InvalidConfig as mistakes:
        print(mistakes, file=sys.stderr)
        return 1


def _needs_of(spec: Settings, mesh: Mesh) -> Sequence[Need]:
    from chatgpt_mesh.components.istio_needs import needs_of

    return needs_of(mesh, spec.istio.injects, spec.platform, spec.existing_namespaces)


def _needs(arguments: argparse.Namespace) -> int:
    loaded = _load(arguments.stack)
    if isinstance(loaded, int):
        return loaded
    needs = _needs_of(*loaded)
    if arguments.format == "json":
        listed = [
            {"setting": n.setting, "value": n.value, "holds": n.holds, "why": n.why, "declared_at": n.declared_at}
            for n in needs
        ]
        json.dump(listed, sys.stdout, indent=2)
        print()
        return 0
    if loaded[0].istio.install:
        print("This stack installs Istio itself, and sets all of this. Somebody else's Istio would need:")
    else:
        print("This stack needs of the Istio that somebody else installs:")
    for need in needs:
        print(f"- {need}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from chatgpt_mesh.components.istio_needs import differences
    from chatgpt_mesh.control_plane import verify
    from chatgpt_mesh.control_plane.installation import InstallationApi, installation

    if arguments.stack is None:
        return verify.run(arguments)
    loaded = _load(arguments.stack)
    if isinstance(loaded, int):
        return loaded
    spec, mesh = loaded
    if spec.cluster.kind == "existing":
        arguments.kubeconfig = arguments.kubeconfig or spec.cluster.kubeconfig
        arguments.context = arguments.context or spec.cluster.context
    if spec.istio.install:
        return verify.run(arguments)

    def unmet(api: InstallationApi) -> list[str]:
        existing = spec.existing_namespaces
        found = installation(api, spec.istio.injection, arguments.istio_namespace, namespaces=existing)
        return differences(_needs_of(spec, mesh), found)

    return verify.run(arguments, unmet)


def _rollout(arguments: argparse.Namespace) -> int:
    from chatgpt_mesh.stack import project

    # ORGANISATION/PROJECT/STACK has its file by the last part, as Pulumi has it.
    named = arguments.config_file or arguments.stack.rpartition("/")[2]
    loaded = _load(named)
    if isinstance(loaded, int):
        return 2
    return rollout_command_line.run(arguments, loaded[0].apps, project.directory(), project.stack_file(named))


def _show(arguments: argparse.Namespace) -> int:
    loaded = _load(arguments.stack)
    if isinstance(loaded, int):
        return loaded
    spec, mesh = loaded
    if arguments.app is not None and arguments.app not in spec.apps:
        print(f"{arguments.app}: no such app; this stack declares: {', '.join(spec.apps) or 'none'}", file=sys.stderr)
        return 2
    today = dates.today()
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

    charts = checked.charts_of(spec.istio, spec.cluster, mesh, mesh_config(mesh), spec.platform)
    return checked.judged(mesh, charts, spec.istio.injects, accept=spec.accept, today=today)


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
