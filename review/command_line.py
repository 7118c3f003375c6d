"""`python -m mesh diff`, `picture` and `report`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import InvalidConfig

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from chatgpt_mesh.review.changes.difference import Changes
    from chatgpt_mesh.review.version import Version

_DIFF_EPILOG = """\
STACK is the name of a stack (prod) or the path of its file; REVISION:STACK is that stack as it is in a
revision of git (main:prod, HEAD~1:prod).

  python -m mesh diff main:prod prod      what the working tree changes of prod
  python -m mesh diff staging prod        how two environments differ
  python -m mesh diff prod --cluster      what runs (Istio's objects alone) and is not as prod says

exit status: 0 nothing differs, 1 something does, 2 wrong use, a stack with mistakes, or no cluster"""


class NotReadError(Exception):
    """A version that cannot be read; the message says why, in sentences."""


def add_commands(commands: Any) -> None:
    from argparse import RawDescriptionHelpFormatter

    text = "say what a change does: who gains access, what share moves, limits, hosts, egress, what drains and restarts"
    diff = commands.add_parser(
        "diff", help=text, description=text, epilog=_DIFF_EPILOG, formatter_class=RawDescriptionHelpFormatter
    )
    diff.add_argument("before", metavar="BEFORE", help="STACK or REVISION:STACK; with --cluster the stack to compare")
    diff.add_argument("now", metavar="NOW", nargs="?", help="STACK or REVISION:STACK")
    diff.add_argument("--cluster", action="store_true", help="compare the stack with what runs")
    diff.add_argument("--kubeconfig", help="path; KUBECONFIG or ~/.kube/config if neither this nor the stack says")
    diff.add_argument("--context", help="context of the kubeconfig; the stack's or the current one if not given")
    diff.add_argument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="default: text; markdown has a picture of the change, too",
    )
    _add_picture(commands)
    _add_report(commands)


def _add_picture(commands: Any) -> None:
    text = "draw a stack: gateways, apps, versions with their shares, callers, scopes, egress, findings, exceptions"
    picture = commands.add_parser("picture", help=text, description=text)
    picture.add_argument("stack", help="name of a stack (prod), path of its file, or REVISION:STACK")
    picture.add_argument("--namespace", help="only the apps of this namespace, with whom they call and are called by")
    picture.add_argument(
        "--format", choices=("svg", "mermaid"), default="svg", help="default: svg; GitHub draws mermaid in comments"
    )


def _add_report(commands: Any) -> None:
    text = "write one page of HTML: the picture, who reaches what, findings and exceptions; it needs no network"
    report = commands.add_parser("report", help=text, description=text)
    report.add_argument("stack", help="name of a stack (prod), path of its file, or REVISION:STACK")


def run(arguments: argparse.Namespace) -> int:
    try:
        match arguments.command:
            case "diff":
                return _diff(arguments)
            case "picture":
                return _picture(arguments)
            case _:
                return _report(arguments)
    except NotReadError as error:
        print(error, file=sys.stderr)
        return 2


def _diff(arguments: argparse.Namespace) -> int:
    from chatgpt_mesh.review.changes import forms
    from chatgpt_mesh.review.changes.difference import between
    from chatgpt_mesh.review.picture.mermaid import changed
    from chatgpt_mesh.review.picture.scene import scene

    if arguments.cluster == (arguments.now is not None):
        raise NotReadError("give BEFORE and NOW, or one stack and --cluster")
    before, picture = version_of(arguments.before), ""
    if arguments.now is None:
        changes = _against_cluster(before, arguments)
    else:
        now = version_of(arguments.now)
        changes, picture = between(before, now), changed(scene(before), scene(now))
    match arguments.format:
        case "markdown":
            print(forms.markdown(changes, picture), end="")
        case "json":
            print(forms.as_json(changes), end="")
        case _:
            print(forms.text(changes), end="")
    return int(bool(changes.sentences))


def _picture(arguments: argparse.Namespace) -> int:
    from chatgpt_mesh.review.picture.mermaid import mermaid
    from chatgpt_mesh.review.picture.scene import scene
    from chatgpt_mesh.review.picture.svg import svg

    drawn = scene(version_of(arguments.stack))
    if arguments.namespace is not None:
        known = sorted({card.namespace for card in drawn.apps})
        if arguments.namespace not in known:
            raise NotReadError(f"{arguments.namespace}: no app runs in this namespace; they run in {', '.join(known)}")
        drawn = drawn.around(arguments.namespace)
    print(svg(drawn) if arguments.format == "svg" else mermaid(drawn), end="")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from chatgpt_mesh.review.page.page import page

    print(page(version_of(arguments.stack), day=dates.today().isoformat()), end="")
    return 0


def _against_cluster(version: Version, arguments: argparse.Namespace) -> Changes:
    from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError, first_line
    from chatgpt_mesh.control_plane.gateway_secrets import Unreadable
    from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi
    from chatgpt_mesh.review.running_cluster import against_cluster

    cluster = version.settings.cluster
    existing = cluster if cluster.kind == "existing" else None
    try:
        api = KubernetesApi(
            kubeconfig=arguments.kubeconfig or (existing and existing.kubeconfig),
            context=arguments.context or (existing and existing.context),
        )
        return against_cluster(version, api)
    except (ControlPlaneUnreachableError, Unreadable) as error:
        raise NotReadError(str(error)) from None
    except Exception as error:
        # The client raises whatever urllib3 does where nobody answers.
        reason = first_line(error)
        raise NotReadError(f"The cluster does not say which objects it has: {reason}") from error


def version_of(argument: str) -> Version:
    """`STACK` as it is in the working tree, or `REVISION:STACK` as it is in git.

    Raises:
        NotReadError: there is no such file or revision, or the stack has mistakes.
    """
    from chatgpt_mesh.review.git_revision import NoRevisionError, checked_out
    from chatgpt_mesh.stack import project

    revision, colon, stack = argument.rpartition(":")
    try:
        if not colon:
            return _read(argument, stack, dates.today())
        with checked_out(project.directory(), revision) as day:
            # An exception that has run out since was right on the day of the commit.
            return _read(argument, stack, day)
    except InvalidConfig as mistakes:
        raise NotReadError(f"{argument}: {mistakes}") from None
    except NoRevisionError as error:
        raise NotReadError(f"{argument}: {error}") from None


def _read(name: str, stack: str, today: date) -> Version:
    from chatgpt_mesh.review.version import Version
    from chatgpt_mesh.stack import project

    path = project.stack_file(stack)
    if not path.is_file():
        known = sorted(file.name.split(".")[1] for file in path.parent.glob("Pulumi.*.yaml"))
        raise NotReadError(f"{name}: no such stack file ({path.name}); stacks there: {', '.join(known) or 'none'}")
    return Version.read(name, path, today)
