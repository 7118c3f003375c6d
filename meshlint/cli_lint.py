"""`meshlint lint FILE|DIR|-`"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from meshlint.finding import Profile, Severity

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from meshlint.configuration import Configuration
    from meshlint.lint import Linted, Located
    from meshlint.load import Loaded

HELP = "find what is wrong, dangerous or without effect in Istio YAML"

DESCRIPTION = """\
Check Istio and Kubernetes objects in YAML or JSON: files, directories, `helm template` output and
`kubectl get -o yaml` lists (`-` reads standard input). A named directory that is a Helm chart or a
kustomization is rendered, where helm, kustomize or kubectl is on the PATH. Values files of Istio's charts
and MeshConfig documents are checked too. Give everything that belongs together in one call: many defects
are between objects, and rules that miss an input say so."""

EPILOG = """\
A finding is accepted by a comment in its document:
  # accept: MCP107 until 2027-01-31 because the upstream deduplicates calls

What a repository wants of every run stands in .meshlint.yaml, where an option here does not say otherwise:
  {ignore: [MCP606], fail_on: error, mcp_paths: [/mcp], baseline: .meshlint-baseline.json}

exit status: 0 no finding at the threshold or above, 1 findings, 2 wrong use, or nothing to check"""

FORMATS = ("text", "json", "sarif", "junit", "github")
_PROFILES = [profile.value for profile in Profile]
_SEVERITIES = [severity.value for severity in Severity]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `lint` takes."""
    parser.add_argument("path", nargs="*", metavar="FILE|DIR|-", help="what to check")
    parser.add_argument("--kubeconfig", metavar="FILE", help="read the objects of a cluster too (with kubectl)")
    parser.add_argument("--context", help="which context of the kubeconfig (default: its current one)")
    parser.add_argument(
        "--whole-mesh", action="store_true", default=None,
        help="what is not among the objects does not exist (so with --kubeconfig; else rules judge by what they see)",
    )  # fmt: skip
    parser.add_argument("--no-render", action="store_true", help="read charts and kustomizations as plain files")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how to print (default: text)")
    parser.add_argument(
        "--select", metavar="CODES", help="report these codes only, or those that begin so: MCP107,MCP3"
    )
    parser.add_argument("--ignore", metavar="CODES", help="do not report these codes, or those that begin so")
    parser.add_argument(
        "--profile", choices=_PROFILES,
        help="strict calls what hardens a mesh errors, too, which is taste or Istio's default (default: default)",
    )  # fmt: skip
    parser.add_argument("--severity", choices=_SEVERITIES, help="report nothing below this (default: info)")
    parser.add_argument(
        "--fail-on", choices=_SEVERITIES, help="exit 1 for findings of this severity and above (default: warning)"
    )
    parser.add_argument("--baseline", metavar="FILE", help="do not report the findings that this file knows")
    parser.add_argument("--write-baseline", metavar="FILE", help="write down every finding as known, and exit 0")
    parser.add_argument("--config", metavar="FILE", help="settings of a repository (default: .meshlint.yaml, if any)")
    parser.add_argument("--today", type=_day, default=None, metavar="YYYY-MM-DD", help="judge dates as of this day")
    parser.add_argument(
        "--environment", choices=("production", "staging"),
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
    from meshlint import baseline, configuration
    from meshlint.rendered import RenderError

    try:
        settings = configuration.read(arguments.config)
        known_file = arguments.baseline or settings.baseline
        known = baseline.read(known_file) if known_file and not arguments.write_baseline else {}
        loaded = _loaded(arguments)
        linted = _judged(loaded, arguments, settings)
    except FileNotFoundError as error:
        return _wrong(f"{error.filename or error.args[0]}: no such file or directory")
    except (configuration.ConfigurationError, baseline.BaselineError, RenderError) as error:
        return _wrong(str(error))
    if not linted.objects and not loaded.troubles:
        return _wrong(f"{_named(arguments)}: no manifest to check{_why(linted)}")
    if arguments.write_baseline:
        count = baseline.write(arguments.write_baseline, linted.findings)
        print(f"{arguments.write_baseline}: {count} findings are known from now on")
        return 0
    new = linted.without(known).reported(_wanted(arguments, settings))
    threshold = Severity(arguments.severity or settings.severity or Severity.INFO)
    output = _written(new.reported(lambda found: found.severity.at_least(threshold)), arguments)
    if output:
        print(output)
    fail_on = Severity(arguments.fail_on or settings.fail_on or Severity.WARNING)
    return int(any(found.severity.at_least(fail_on) for found in new.findings))


def _wrong(sentences: str) -> int:
    print(sentences, file=sys.stderr)
    return 2


def _named(arguments: argparse.Namespace) -> str:
    return ", ".join([*arguments.path, *([arguments.kubeconfig] if arguments.kubeconfig else [])]) or "meshlint lint"


def _why(linted: Linted) -> str:
    reasons = dict.fromkeys(reason for _, reason in linted.passed_over)
    return f" ({len(linted.passed_over)} passed over: {'; '.join(reasons)})" if reasons else ""


def _loaded(arguments: argparse.Namespace) -> Loaded:
    from meshlint.collection import without_collection
    from meshlint.load import load, load_bytes
    from meshlint.rendered import of_cluster

    with without_collection():
        loaded = load(arguments.path, render=not arguments.no_render)
        for listed in of_cluster(arguments.kubeconfig, arguments.context) if arguments.kubeconfig else ():
            load_bytes(listed, f"cluster of {arguments.kubeconfig}", loaded, explicit=False)
        return loaded


def _judged(loaded: Loaded, arguments: argparse.Namespace, settings: Configuration) -> Linted:
    from meshlint.collection import without_collection
    from meshlint.environment import Environment
    from meshlint.lint import judge

    environment = Environment(
        whole_mesh=bool(arguments.whole_mesh or settings.whole_mesh or arguments.kubeconfig),
        production=(arguments.environment or settings.environment or "production") == "production",
        mcp_paths=tuple(arguments.mcp_path or settings.mcp_paths or ("/mcp",)),
        ask_jwks_uris=arguments.ask_jwks_uris,
    )
    profile = Profile(arguments.profile or settings.profile or Profile.DEFAULT)
    today = arguments.today or datetime.now(tz=UTC).date()
    with without_collection():
        return judge(loaded, today=today, environment=environment, profile=profile)


def _wanted(arguments: argparse.Namespace, settings: Configuration) -> Callable[[Located], bool]:
    """Whether a finding is of the rules that are wanted."""
    selected = tuple(_codes(arguments.select) or settings.select or ("",))
    ignored = tuple(_codes(arguments.ignore) or settings.ignore or ())
    return lambda found: found.code.startswith(selected) and not found.code.startswith(ignored)


def _codes(written: str | None) -> Sequence[str]:
    return [code.strip().upper() for code in (written or "").split(",") if code.strip()]


def _written(shown: Linted, arguments: argparse.Namespace) -> str:
    from meshlint import formats
    from meshlint.junit import junit
    from meshlint.sarif import sarif

    match arguments.format:
        case "json":
            return formats.as_json(shown)
        case "sarif":
            return sarif(shown)
        case "junit":
            return junit(shown)
        case "github":
            return formats.github(shown)
        case _:
            return formats.text(shown, colour=_wants_colour(arguments.colour), verbose=arguments.verbose)


def _wants_colour(choice: str) -> bool:
    """`NO_COLOR` (no-color.org) is heeded unless colour is asked for."""
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
