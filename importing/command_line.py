"""`python -m chatgpt_mesh.stack import FILE...`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing import stack_text
from chatgpt_mesh.importing.imported import DOMAIN, NAMESPACE, imported
from chatgpt_mesh.importing.settle import NotImportableError
from chatgpt_mesh.mesh.specs import dates

if TYPE_CHECKING:
    import argparse

    from chatgpt_mesh.importing.source import Manifest

HELP = "make a stack file of a team's Istio objects, and say what of them stays, changes or is answered otherwise"

DESCRIPTION = """\
Write the declaration of a mesh that is there, from its manifests. Nothing is lost in silence: each field is
declared, stays in its object, or is told; and whatever request is answered otherwise by the declaration is
named. The stack file goes to standard output and the report to standard error; with --output the report is
printed."""

EPILOG = "exit status: 0 written, 1 no declaration can be made of it, 2 wrong use"


def add_command(commands: Any) -> None:
    parser = commands.add_parser("import", help=HELP, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("files", metavar="FILE", nargs="+", help="file or directory of manifests; - is standard input")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the stack file; standard output if not given")
    parser.add_argument("--rest", type=Path, metavar="FILE", help="what stays beside the declaration, as manifests")
    parser.add_argument(
        "--domain", default=DOMAIN, help=f"domain of a host where the input has `*` (default: {DOMAIN})"
    )
    parser.add_argument("--verbose", action="store_true", help="print each changed answer, also where many are alike")
    parser.add_argument(
        "--namespace", default=NAMESPACE, help=f"namespace of objects that name none (default: {NAMESPACE})"
    )


def run(arguments: argparse.Namespace) -> int:
    """The exit status; what was written is right by every check of the program."""
    from chatgpt_mesh.importing import report
    from chatgpt_mesh.importing.comparison import compared
    from meshlint.collection import without_collection

    objects = _objects(arguments.files)
    if objects is None:
        return 2
    try:
        with without_collection():
            found = imported(objects, dates.today(), domain=arguments.domain, namespace=arguments.namespace)
            told = report.text(found, compared(found), verbose=arguments.verbose)
    except NotImportableError as error:
        print(f"No declaration can be made of this: {error}", file=sys.stderr)
        return 1
    written = stack_text.stack_file(found.values)
    if arguments.rest is not None:
        arguments.rest.write_text(stack_text.manifests(found.rest), encoding="utf-8")
    elif found.rest:
        count = "1 object stays" if len(found.rest) == 1 else f"{len(found.rest)} objects stay"
        told += f"\n{count} beside the declaration; --rest FILE writes them.\n"
    if arguments.output is None:
        print(written, end="")
        print(told, end="", file=sys.stderr)
    else:
        arguments.output.write_text(written, encoding="utf-8")
        print(told, end="")
    return 0


def _objects(files: list[str]) -> list[Manifest] | None:
    """Manifests of all files; None after what cannot be read has been told."""
    from meshlint.load import load

    try:
        loaded = load(files)
    except FileNotFoundError as error:
        print(f"{error.args[0]}: no such file or directory", file=sys.stderr)
        return None
    for trouble in loaded.troubles:
        print(f"{trouble.file}:{trouble.line}: {trouble.message}", file=sys.stderr)
    for file, reason in loaded.passed_over:
        print(f"{file}: not read: {reason}", file=sys.stderr)
    if loaded.troubles:
        return None
    if not loaded.objects:
        print("There is no Kubernetes object in these files; name those with the manifests.", file=sys.stderr)
        return None
    return loaded.objects
