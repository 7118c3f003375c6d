"""`meshlint lint|reach|compare|explain`"""

from __future__ import annotations

import argparse
import os
import sys

from meshlint import cli_compare, cli_explain, cli_lint, cli_reach

SUBCOMMANDS = {"lint": cli_lint, "reach": cli_reach, "compare": cli_compare, "explain": cli_explain}
"""Each is a module with HELP, DESCRIPTION, EPILOG, `add_arguments(parser)` and `run(arguments)`."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand, by default that of the command line. 0: clean, 1: findings, 2: wrong use."""
    parser = argparse.ArgumentParser(
        prog="meshlint", description="Judge Istio objects, whoever wrote them, without a cluster."
    )
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="|".join(SUBCOMMANDS))
    for name, module in SUBCOMMANDS.items():
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
    sys.exit(main())
