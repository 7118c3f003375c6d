"""``python -m lab.istio_version``: where the version of Istio stands, and another one everywhere."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from typing import TYPE_CHECKING

from lab.command_line import CLEAN, FINDINGS
from lab.failure import LabError
from lab.istio_version import go_modules, places
from lab.istio_version.change import change, pin_of
from lab.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """The command line, with a help text per subcommand."""
    top = argparse.ArgumentParser(
        prog="python -m lab.istio_version",
        description="The one version of Istio (istio_api/version.py) and every place that follows it.",
        epilog="Exit codes: 0 fine, 1 a place lags or a step failed (said in a sentence), 2 wrong use.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="which places lag behind the one version")
    check.add_argument("--format", choices=("text", "json"), default="text", help="json lists every place")
    check.set_defaults(run=_check)
    other = commands.add_parser(
        "change", help="another version in every place a program can write, and a list of the rest"
    )
    other.add_argument(
        "release", type=_release, metavar="VERSION", help=f"release of Istio, such as {places.PIN.release}"
    )
    other.add_argument("--source", metavar="VERSION", help="of Go module istio.io/istio (default: the release's tag)")
    other.add_argument("--api", metavar="VERSION", help="of Go module istio.io/api (default: the release's tag)")
    other.add_argument(
        "--with",
        dest="others",
        action="append",
        default=[],
        type=_module_at_version,
        metavar="MODULE@VERSION",
        help="another version of a module than the source requires, where that one is not served; repeatable",
    )
    other.add_argument(
        "--other-minor",
        action="store_true",
        help="take a source of another minor, to look at the API before the source is served; the tests stay red",
    )
    other.set_defaults(run=_change)
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; the result is the exit code."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except LabError as failure:
        print(f"istio_version: {failure}", file=sys.stderr)
        return FINDINGS


def _check(options: argparse.Namespace) -> int:
    pin = places.PIN
    source, api = (go_modules.source_of(module, pin.modules[module]) for module in (go_modules.SOURCE, go_modules.API))
    found = [*places.places(), *places.of_source(source, api)]
    lagging = [place for place in found if place.lags]
    if options.format == "json":
        print(json.dumps([{**dataclasses.asdict(place), "lags": place.lags} for place in found], indent=2))
    else:
        print(f"Istio {pin.release}: " + ", ".join(f"{module} {version}" for module, version in pin.modules.items()))
        print(*lagging or [f"All {len(found)} places that know a version follow."], sep="\n")
    return FINDINGS if lagging else CLEAN


def _change(options: argparse.Namespace) -> int:
    others = dict(options.others)
    pin = pin_of(options.release, options.source, options.api, others, other_minor=options.other_minor)
    outcome = change(pin, Screen())
    for title, texts in (("What failed", outcome.failures), ("What is left to a person", outcome.todo)):
        if texts:
            print(f"\n{title}:\n")
            print(*(f"{number}. {text}" for number, text in enumerate(texts, 1)), sep="\n")
    print("\nThen: make istio, which names every place that still lags, and make test.")
    return FINDINGS if outcome.failures else CLEAN


def _release(text: str) -> str:
    if not re.fullmatch(r"1\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError(f"{text} is no release of Istio: write it as {places.PIN.release}")
    return text


def _module_at_version(text: str) -> tuple[str, str]:
    module, at, version = text.partition("@")
    if not (module and at and version):
        raise argparse.ArgumentTypeError(f"{text} is not MODULE@VERSION")
    return module, version


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
