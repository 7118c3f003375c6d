"""`meshlint reach FILE... --from CALLER --to HOST`"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from meshlint.reachability.matrix import Row

HELP = "show who can reach what, and which object decides"

DESCRIPTION = """\
Read Istio and Kubernetes objects and say, for callers, hosts, methods, paths and tokens, whether a request
is allowed, denied or challenged, and by which object. Without options: everybody whom the objects know,
asking for everything that they name."""

EPILOG = """\
  meshlint reach mesh.yaml --from internet --to chatgpt-mcp.example.com --path /mcp
  meshlint reach mesh.yaml --from shop/frontend --to cart.shop.svc.cluster.local --method POST
  meshlint reach mesh.yaml --from internet --token iss=https://auth.example.com,aud=https://mcp.example.com/mcp

CALLER is internet, plaintext (a pod without a sidecar), or NAMESPACE/SERVICEACCOUNT.
exit status: 0 shown, 2 wrong use"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `reach` takes."""
    parser.add_argument("path", nargs="+", metavar="FILE|DIR|-", help="the objects of the mesh")
    parser.add_argument("--from", dest="callers", action="append", metavar="CALLER", help="who asks (repeatable)")
    parser.add_argument("--to", dest="hosts", action="append", metavar="HOST", help="the host asked for (repeatable)")
    parser.add_argument(
        "--method", dest="methods", action="append", metavar="METHOD", help="GET, POST, ... (repeatable)"
    )
    parser.add_argument("--path", dest="paths", action="append", metavar="PATH", help="the path asked for (repeatable)")
    parser.add_argument(
        "--token",
        dest="tokens",
        action="append",
        metavar="CLAIMS",
        help="none, forged, or iss=...,aud=... (repeatable)",
    )
    parser.add_argument(
        "--port",
        type=int,
        help="port that the client connects to (default: 443, else the first on which the host is served)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Print the answer to every request that the arguments ask for."""
    from meshlint.environment import Environment
    from meshlint.load import load
    from meshlint.reachability.matrix import METHODS, Axes, callers_of, requests, rows, token_from
    from meshlint.view.gateway_api.not_followed import not_followed
    from meshlint.view.mesh import MeshView

    try:
        loaded = load(arguments.path)
        tokens = [token_from(written) for written in arguments.tokens or ()]
    except FileNotFoundError as error:
        print(f"{error.args[0]}: no such file or directory", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"--token: {error}", file=sys.stderr)
        return 2
    for trouble in loaded.troubles:
        print(f"{trouble.file}:{trouble.line}: {trouble.message}", file=sys.stderr)
    mesh = MeshView(loaded.objects, environment=Environment(), today=datetime.now(tz=UTC).date())
    axes = Axes(
        callers=arguments.callers or callers_of(mesh),
        hosts=arguments.hosts or (),
        methods=arguments.methods or METHODS,
        paths=arguments.paths or (),
        tokens=tokens,
        port=arguments.port,
    )
    table = rows(mesh, requests(mesh, axes))
    print(json.dumps([_as_json(row) for row in table], indent=2) if arguments.format == "json" else _as_text(table))
    left_out = not_followed(mesh)
    if left_out:
        # Beside the table, which a program may read.
        print(f"Not followed: {'; '.join(left_out)}.", file=sys.stderr)
    return 0


def _as_json(row: Row) -> dict[str, Any]:
    from meshlint.reachability.matrix import token_name

    return {
        "caller": row.request.caller, "host": row.request.host, "methods": list(row.methods),
        "path": row.request.path, "token": token_name(row.request.token),
        "outcome": row.answer.outcome, "status": row.answer.status, "by": row.answer.by, "why": row.answer.why,
        "destination": row.answer.destination,
    }  # fmt: skip


def _as_text(table: list[Row]) -> str:
    """A block for each caller and host, a line for each path, token and set of methods."""
    from meshlint.reachability.matrix import token_name

    lines: list[str] = []
    block = ("", "")
    for row in table:
        if block != (row.request.caller, row.request.host):
            block = (row.request.caller, row.request.host)
            lines += ["", f"{row.request.caller} -> {row.request.host}:{row.request.port}"]
        status = str(row.answer.status or "-")
        lines.append(
            f"  {'/'.join(row.methods):16} {row.request.path:28} token {token_name(row.request.token):32} "
            f"{row.answer.outcome:10} {status:>3}  {row.answer.by}: {row.answer.why}"
        )
    return "\n".join(lines).strip() or "the objects name no host that anybody could reach"
