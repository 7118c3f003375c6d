"""`python -m meshlint lint|reach|compare|explain`"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys

SUBCOMMANDS = ("lint", "reach", "compare", "explain")
"""Each is a module `meshlint.cli_NAME` with HELP, DESCRIPTION, EPILOG, `add_arguments(parser)` and `run(arguments)`."""


def main(arguments: list[str]) -> int:
    """Run one subcommand. 0: clean, 1: findings, 2: wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m meshlint", description="Judge Istio objects, whoever wrote them, without a cluster."
    )
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="|".join(SUBCOMMANDS))
    for name in SUBCOMMANDS:
        if importlib.util.find_spec(f"meshlint.cli_{name}") is None:
            continue
        module = importlib.import_module(f"meshlint.cli_{name}")
        subparser = subparsers.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.run(parsed)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
