"""`meshlint compare OLD NEW`"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from meshlint.view.mesh import MeshView

HELP = "say which requests get another answer from a new version of a mesh"

DESCRIPTION = """\
Compare two versions of a mesh's objects by what they do: every request whose answer changes, in sentences.
What is opened comes first."""

EPILOG = """\
  git show main:mesh.yaml > old.yaml; meshlint compare old.yaml mesh.yaml

exit status: 0 no request changes its answer, 1 some do, 2 wrong use"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `compare` takes."""
    parser.add_argument("old", metavar="OLD", help="file or directory with the objects as they are")
    parser.add_argument("new", metavar="NEW", help="file or directory with the objects as they will be")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Print the changes; the exit status says whether there are any."""
    from meshlint.reachability.compare import changes

    try:
        found = changes(_mesh(arguments.old), _mesh(arguments.new))
    except FileNotFoundError as error:
        print(f"{error.args[0]}: no such file or directory", file=sys.stderr)
        return 2
    if arguments.format == "json":
        print(json.dumps([{"opens": change.opens, "change": str(change)} for change in found], indent=2))
    elif not found:
        print("No request changes its answer.")
    else:
        for change in found:
            print(f"{'OPENS  ' if change.opens else '       '}{change}")
    return int(bool(found))


def _mesh(path: str) -> MeshView:
    from meshlint.environment import Environment
    from meshlint.load import load
    from meshlint.view.mesh import MeshView

    loaded = load([path])
    for trouble in loaded.troubles:
        print(f"{trouble.file}:{trouble.line}: {trouble.message}", file=sys.stderr)
    return MeshView(loaded.objects, environment=Environment(), today=datetime.now(tz=UTC).date())
