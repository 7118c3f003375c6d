"""Stack files: a project to begin with, one made of what runs already, and what they may say, as a page for people and
as a schema for editors."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chatgpt_mesh.importing import command_line as importing_command_line
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import discovery, new_project

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 wrong use, or answers that make no stack."""
    arguments = _parser().parse_args(argv)
    match arguments.command:
        case "init":
            return _init(arguments)
        case "import":
            return importing_command_line.run(arguments)
        case "upgrade":
            return _upgrade(arguments)
        case "reference":
            from chatgpt_mesh.stack import reference

            print(reference.page(), end="")
        case _:
            from chatgpt_mesh.stack.schema import json_schema

            print(json.dumps(json_schema(), indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chatgpt_mesh.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="write a project with one stack; what no option says is asked")
    kinds = init.add_subparsers(dest="kind", required=True, metavar="{" + ",".join(new_project.KINDS) + "}")
    for kind in new_project.KINDS:
        asked = kinds.add_parser(kind)
        asked.add_argument("directory", type=Path, help="where the files go; its name is the project's")
        for question in new_project.questions(kind):
            by_default = "" if question.default is None else f" (default: {question.default})"
            asked.add_argument(question.option, help=question.text + by_default)
    importing_command_line.add_command(commands)
    upgrade = commands.add_parser(
        "upgrade",
        help="say what a stack file must change between two versions of this program",
        epilog="exit status: 0 nothing is left to change, 1 something is, 2 wrong use",
    )
    upgrade.add_argument("stack", help="name of a stack (prod), or path of its file (Pulumi.prod.yaml)")
    upgrade.add_argument("--from", dest="before", metavar="VERSION", help="version it ran with (default: the last one)")
    upgrade.add_argument("--write", action="store_true", help="write renames into the files; comments stay")
    commands.add_parser("reference", help="print the reference of stack files (docs/reference/stack.md)")
    commands.add_parser("schema", help="print the JSON Schema of stack files (docs/stack.schema.json)")
    return parser


def _init(arguments: argparse.Namespace) -> int:
    given = {name: said for name, said in vars(arguments).items() if isinstance(said, str)}
    kind: new_project.Kind = arguments.kind
    answers = {name: said for name, said in given.items() if name not in ("command", "kind")}
    try:
        if sys.stdin.isatty():
            answers = _asked(kind, answers)
        elif "issuer" in answers:
            answers = _with_keys(answers)
        answers = new_project.answered(kind, answers)
        written = new_project.write(kind, answers, arguments.directory)
    except InvalidConfig as mistakes:
        print(mistakes, file=sys.stderr)
        return 2
    stack = answers["stack"]
    print("Written:", *written, sep="\n  ")
    steps = ("pulumi install", f"pulumi stack init {stack}", f"pulumi preview --stack {stack}")
    print(f"Next, in {arguments.directory}:", *steps, sep="\n  ")
    return 0


def _upgrade(arguments: argparse.Namespace) -> int:
    from chatgpt_mesh.stack import project
    from chatgpt_mesh.stack.upgrade import upgrade, write

    try:
        path = project.stack_file(arguments.stack)
        found = upgrade(path, project.directory(path.parent, Path.cwd()), arguments.before)
    except InvalidConfig as mistakes:
        print(mistakes, file=sys.stderr)
        return 2
    left = found.edits
    if arguments.write:
        left = write(found.edits)
        for edit in found.edits:
            if edit.rename is not None:
                print(f"written: {edit}")
    for edit in left:
        print(edit)
    if not found.edits:
        print(f"From {found.before} to {found.now}, {path.name} and what it extends have nothing to change.")
    for heading, sentences in (("Otherwise, with no line changed", found.differs), ("To do beside", found.beside)):
        if sentences:
            print(f"\n{heading}:", *sentences, sep="\n  ")
    return 1 if left else 0


def _asked(kind: new_project.Kind, given: dict[str, str]) -> dict[str, str]:
    """The answers of whoever sits at the terminal; an empty one takes the default."""
    answers = dict(given)
    for question in new_project.questions(kind):
        if question.name == "jwks_uri" and "issuer" in answers:
            answers = _with_keys(answers)
        if question.name not in answers:
            default = "" if question.default is None else f" [{question.default}]"
            if said := input(f"{question.name}: {question.text}{default}: ").strip():
                answers[question.name] = said
    return answers


def _with_keys(answers: dict[str, str]) -> dict[str, str]:
    """The answers, with where the issuer's keys are if its own document says it."""
    found = None if "jwks_uri" in answers else discovery.jwks_uri(answers["issuer"])
    return answers if found is None else {**answers, "jwks_uri": found}


if __name__ == "__main__":
    sys.exit(main())
