"""What stack files may say, as a page for people and as a schema for editors."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("reference", help="print the reference of stack files (docs/reference/stack.md)")
    commands.add_parser("schema", help="print the JSON Schema of stack files (docs/stack.schema.json)")
    match parser.parse_args(argv).command:
        case "reference":
            from chatgpt_mesh.stack import reference

            print(reference.page(), end="")
        case _:
            from chatgpt_mesh.stack.schema import json_schema

            print(json.dumps(json_schema(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
