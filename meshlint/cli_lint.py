"""`meshlint lint FILE|DIR|-`"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from meshlint.finding import Severity

if TYPE_CHECKING:
    import argparse

HELP = "find what is wrong, dangerous or without effect in Istio YAML"

DESCRIPTION = """\
Check Istio and Kubernetes objects in YAML or JSON: files, directories, `helm template` output and
`kubectl get -o yaml` lists (`-` reads standard input). Values files of Istio's charts and MeshConfig
documents are checked too. Give everything that belongs together in one call: many defects are between
objects, and rules that miss an input say so."""

EPILOG = """\
A finding is accepted by a comment in its document:
  # accept: MCP107 until 2027-01-31 because the upstream deduplicates calls

exit status: 0 no finding at the threshold or above, 1 findings, 2 wrong use"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `lint` takes."""
    parser.add_argument("path", nargs="+", metavar="FILE|DIR|-", help="what to check")
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "github"), default="text", help="how to print (default: text)"
    )
    parser.add_argument(
        "--severity",
        choices=[severity.value for severity in Severity],
        default=Severity.INFO.value,
        help="report nothing below this (default: info)",
    )
    parser.add_argument(
        "--fail-on",
        choices=[severity.value for severity in Severity],
        default=Severity.WARNING.value,
        help="exit 1 for findings of this severity and above (default: warning)",
    )
    parser.add_argument("--today", type=_day, default=None, metavar="YYYY-MM-DD", help="judge dates as of this day")
    parser.add_argument(
        "--environment", choices=("production", "staging"), default="production",
        help="staging allows fault injection and full trace sampling (default: production)",
    )  # fmt: skip
    parser.add_argument(
        "--mcp-path", action="append", metavar="PATH", help="path of the MCP endpoint (default: /mcp; may be repeated)"
    )
    parser.add_argument(
        "--ask-jwks-uris", action="store_true", help="ask every jwksUri over the network whether it answers"
    )
    parser.add_argument("--colour", choices=("auto", "always", "never"), default="auto", help="colours (default: auto)")
    parser.add_argument(
        "--verbose", action="store_true", help="list each rule that did not judge and each file passed over"
    )


def _day(text: str) -> date:
    return date.fromisoformat(text)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; the exit status says whether one is at the threshold."""
    from meshlint import formats
    from meshlint.environment import Environment
    from meshlint.lint import Linted, lint

    environment = Environment(
        production=arguments.environment == "production",
        mcp_paths=tuple(arguments.mcp_path or ("/mcp",)),
        ask_jwks_uris=arguments.ask_jwks_uris,
    )
    today = arguments.today or datetime.now(tz=UTC).date()
    try:
        linted = lint(arguments.path, today=today, environment=environment)
    except FileNotFoundError as error:
        print(f"{error.args[0]}: no such file or directory", file=sys.stderr)
        return 2
    threshold = Severity(arguments.severity)
    shown = Linted(
        [found for found in linted.findings if found.severity.at_least(threshold)],
        linted.accepted,
        linted.not_judged,
        linted.passed_over,
        linted.objects,
    )
    match arguments.format:
        case "json":
            output = formats.as_json(shown)
        case "sarif":
            output = formats.sarif(shown)
        case "github":
            output = formats.github(shown)
        case _:
            output = formats.text(shown, colour=_wants_colour(arguments.colour), verbose=arguments.verbose)
    if output:
        print(output)
    fail_on = Severity(arguments.fail_on)
    return int(any(found.severity.at_least(fail_on) for found in linted.findings))


def _wants_colour(choice: str) -> bool:
    """`NO_COLOR` (no-color.org) is heeded unless colour is asked for."""
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
