"""`meshlint compare OLD NEW`"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from meshlint.reachability.compare import Change, Comparison
    from meshlint.view.mesh import MeshView

HELP = "say which requests get another answer from a new version of a mesh"

DESCRIPTION = """\
Compare two versions of a mesh by what they do: every request whose answer changes, in sentences, what is
opened first; requests that other pods answer, with the shares that move; and what differs in the objects
beside. It says how many questions it asked, with what, and which kinds it did not ask."""

EPILOG = """\
  git show main:mesh.yaml > old.yaml; meshlint compare old.yaml mesh.yaml

exit status: 0 nothing differs, 1 something does, 2 wrong use"""

MOST_ALIKE = 3
"""How many changes are printed of those that the same objects decide in the same way, unless all are asked for."""

MOST_OF_AN_OBJECT = 6
"""How many settings of one object are printed, unless all are asked for."""

NOT_ASKED = (
    "addresses of clients (ipBlocks: such a rule is taken by nobody)",
    "what an external authorizer says (it is taken to agree)",
    "what EnvoyFilters, Lua and WebAssembly do (but for refused slashes and calls of tools)",
    "bodies, streams, limits of rate and time, faults, and what an app answers",
    "Gateway API's BackendTLSPolicy, UDPRoute and InferencePool, and gateways between clusters (compared as settings)",
)
"""Kinds of questions that no comparison asks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `compare` takes."""
    parser.add_argument("old", metavar="OLD", help="file or directory with the objects as they are")
    parser.add_argument("new", metavar="NEW", help="file or directory with the objects as they will be")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")
    parser.add_argument("--verbose", action="store_true", help="print each change, also where many are alike")
    parser.add_argument(
        "--mcp-path", action="append", metavar="PATH", help="path of the MCP endpoint (default: /mcp; may be repeated)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; the exit status says whether there are any."""
    from meshlint.collection import without_collection
    from meshlint.reachability.compare import compare

    try:
        with without_collection():
            paths = tuple(arguments.mcp_path or ("/mcp",))
            old, new = _mesh(arguments.old, paths), _mesh(arguments.new, paths)
            if not old.objects or not new.objects:
                empty = arguments.old if not old.objects else arguments.new
                print(f"{empty}: holds no Kubernetes object; name the files with the manifests", file=sys.stderr)
                return 2
            found = compare(old, new)
    except FileNotFoundError as error:
        print(f"{error.args[0]}: no such file or directory", file=sys.stderr)
        return 2
    print(
        json.dumps(_as_json(found), indent=2) if arguments.format == "json" else text(found, verbose=arguments.verbose)
    )
    return int(bool(found.changes or found.moves or found.settings))


def _mesh(path: str, mcp_paths: tuple[str, ...]) -> MeshView:
    from meshlint.environment import Environment
    from meshlint.load import load
    from meshlint.view.mesh import MeshView

    loaded = load([path])
    for trouble in loaded.troubles:
        print(f"{trouble.file}:{trouble.line}: {trouble.message}", file=sys.stderr)
    environment = Environment(mcp_paths=mcp_paths)
    return MeshView(loaded.objects, environment=environment, today=datetime.now(tz=UTC).date())


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "changes": [{"opens": change.opens, "change": str(change)} for change in found.changes],
        "moves": [str(move) for move in found.moves],
        "settings": [
            {"object": one.object, "path": list(one.path), "before": one.before, "now": one.now, "change": str(one)}
            for one in found.settings
        ],
        "questions": {
            "asked": found.questions,
            "left_out": found.left_out,
            "hosts": found.asked_places,
            "hosts_with_the_same_objects": found.same_places,
            "values": dict(found.values),
            "not_asked": list(NOT_ASKED),
            "not_followed": list(found.not_followed),
        },
    }


def text(found: Comparison, *, verbose: bool = False) -> str:
    """The comparison in sentences, what is opened first; `verbose`: each change, also where many are alike."""
    lines = [*_changes(found.changes, verbose)]
    if found.moves:
        lines += ["", "Answered by other pods:", *(f"       {move}" for move in found.moves)]
    if found.settings:
        lines += ["", "Different as settings, which no answer shows:", *_settings(found, verbose)]
    return "\n".join([*lines, "", *_asked(found)]).strip("\n")


def _changes(changes: Sequence[Change], verbose: bool) -> list[str]:
    """A line for each change; of those that the same objects decide in the same way the first few."""
    alike: dict[tuple[object, ...], list[Change]] = defaultdict(list)
    for change in changes:
        before, now = change.before, change.now
        key = (change.opens, before.outcome, before.status, before.by, now.outcome, now.status, now.by)
        alike[key].append(change)
    lines: list[str] = []
    for group in alike.values():
        shown = group if verbose else _apart(group)
        lines += [f"{'OPENS  ' if change.opens else '       '}{change}" for change in shown]
        if len(group) > len(shown):
            lines.append(f"       ... and {len(group) - len(shown)} more that the same objects decide (--verbose).")
    return lines


def _apart(group: Sequence[Change]) -> list[Change]:
    """The first few of alike changes, of different callers and hosts as far as there are."""
    seen: set[tuple[str, str]] = set()
    first: list[Change] = []
    rest: list[Change] = []
    for change in group:
        place = (change.request.caller, change.request.host)
        (rest if place in seen else first).append(change)
        seen.add(place)
    return [*first, *rest][:MOST_ALIKE]


def _settings(found: Comparison, verbose: bool) -> list[str]:
    by_object: dict[str, list[str]] = defaultdict(list)
    for one in found.settings:
        by_object[one.object].append(str(one))
    lines: list[str] = []
    for name, said in by_object.items():
        shown = said if verbose else said[:MOST_OF_AN_OBJECT]
        lines += [f"       {sentence}" for sentence in shown]
        if len(said) > len(shown):
            lines.append(f"       ... and {len(said) - len(shown)} more of {name} (--verbose).")
    return lines


def _asked(found: Comparison) -> list[str]:
    """What the comparison stands on: the number of questions, what they were made of, and what was not asked."""
    same = f"{found.same_places} hosts were not asked about: every object that can decide there is the same."
    if not found.questions and not found.settings:
        return ["Both have the same objects, so no request changes its answer; nothing had to be asked."]
    tried = ", ".join(f"{number} {_PLURALS[kind]}" for kind, number in found.values.items() if number > 1)
    heading = f"Asked {found.questions:,} questions of {found.asked_places} hosts"
    lines = [f"{heading}, with {tried}." if tried else f"{heading}."]
    if not found.changes and not found.moves:
        lines.insert(0, f"No request changes its answer, of {found.questions:,} that were asked.")
    if found.same_places:
        lines.append(same)
    if found.left_out:
        lines.append(f"{found.left_out:,} further combinations of the same values were left out.")
    if found.not_followed:
        lines.append(f"Not followed: {'; '.join(found.not_followed)}.")
    return [*lines, f"Not asked: {'; '.join(NOT_ASKED)}."]


_PLURALS = {
    "path": "paths", "method": "methods", "port": "ports", "caller": "callers", "header": "values of headers",
    "token": "kinds of tokens", "claim": "values of claims", "gateway": "gateways", "call": "calls",
    "certificate": "kinds of certificates", "query": "values of queries",
}  # fmt: skip
