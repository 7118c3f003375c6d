"""`meshlint explain CODE`"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = "say what a rule means, with a bad and a good example"
DESCRIPTION = "Print the page of one rule, or without a code the list of all."
EPILOG = "exit status: 0, or 2 for a code that does not exist"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `explain` takes."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="a rule's code, for example MCP107")


def run(arguments: argparse.Namespace) -> int:
    """Print a page, or the list of rules."""
    from meshlint import rules
    from meshlint.rule_page import rule_page

    known = rules.load()
    if arguments.code is None:
        for rule in known.values():
            print(f"{rule.code}  {rule.severity:7}  {rule.title}")
        return 0
    rule = known.get(arguments.code.upper())
    if rule is None:
        print(f"{arguments.code}: no such rule; `meshlint explain` lists all", file=sys.stderr)
        return 2
    print(rule_page(rule), end="")
    return 0
