"""Open event streams through the edge in the running lab: what one costs, and what ends it.

The plain alternative is a gateway of a bare Istio in the same lab (`data_path.servers`), with as many streams open at
the same time: what the machine does beside them meets both.
"""

from __future__ import annotations

import contextlib
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from lab.workloads.request import send
from tests.benchmarks.data_path import servers
from tests.benchmarks.data_path.comparison import declared
from tests.benchmarks.data_path.declarations import APP, whole
from tests.benchmarks.figures import conditions
from tests.benchmarks.series import Plot, Row
from tests.benchmarks.streams.changes import broken_by, edits, restarted
from tests.benchmarks.streams.edges import PERIOD_SECONDS, Clients, Edge, check_files, streaming
from tests.lab.bring_up import running_lab
from tests.lab.edge_certificates import certified
from tests.lab.kubectl import end_leaving_pods
from tests.lab.running_lab import JSON_RPC_HEADERS, eventually
from tests.lab.test_b39_gateway_restart import restart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.benchmarks.figures import Results
    from tests.lab.running_lab import RunningLab

NAME = "streams"
PLACES = ("streams: open", "streams: changes")
_SIZES = (100, 300, 1_000)
_LARGE = (5_000,)
_FIRST = 20
"""Streams that are open before the memory of the others is counted: the first bring along what all of them use."""
_LISTENS_SECONDS = 4 * PERIOD_SECONDS
_SETTLES_SECONDS = 3
_KIB = 1024
_FORMS = ("declared", "plain")
_MEMORY = {"gateway": "the gateway's", "sidecar": "the sidecar's"}
_EDITS = {"route": "a route is edited, and edited back", "policy": "a subject is denied, and let in again"}


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """The median, and what one in a hundred is above."""
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return {"p50_milliseconds": round(cuts[49], 2), "p99_milliseconds": round(cuts[98], 2)}


@contextlib.contextmanager
def _new_gateway(lab: RunningLab) -> Iterator[None]:
    """One that has done nothing yet, as the bare one; none that drains, then or afterwards."""
    home = lab.stack.gateways["public"].home
    try:
        restart(lab)
        end_leaving_pods(lab, home)
        yield
    finally:
        end_leaving_pods(lab, home)


def _check(edge: Edge, bare: Edge) -> None:
    """
    Raises:
        AssertionError: what is measured is not the whole edge, or one of the two lets nothing in.
    """
    calls = (edge.call("whoami"), edge.call("execute_sql", scopes=["chatgpt.tools.read"]))
    eventually(lambda: send(bare.call("whoami").once()).status == 200, within=60, what="bare Istio lets a call in")
    eventually(lambda: send(calls[0].once()).status == 200, within=60, what="the edge lets a call in")
    refused = [send(calls[1].once()).status, _without_token(edge)]
    assert refused == [403, 401], refused


def _without_token(edge: Edge) -> int:
    call = edge.call("whoami").once()
    return edge.lab.public.send(call.url, method="POST", headers=JSON_RPC_HEADERS, body=call.body).status


def _opened(clients: Clients, number: int) -> float:
    """Seconds.

    Raises:
        AssertionError: not all of them could be.
    """
    opened = clients.grow(number)
    assert not opened["refused"], f"of {number} streams more these were refused: {opened['refused']}"
    return opened["seconds"]


def _runs(edges: Mapping[str, Edge], clients: Mapping[str, Clients], sizes: Iterable[int]) -> Iterator[dict[str, Any]]:
    for one in clients.values():
        _opened(one, _FIRST)
    time.sleep(_SETTLES_SECONDS)
    before = {form: edge.memory() for form, edge in edges.items()}
    open_now = _FIRST
    for size in sizes:
        seconds = {form: _opened(one, size - open_now) for form, one in clients.items()}
        open_now = size
        time.sleep(_SETTLES_SECONDS)
        for one in clients.values():
            one.begin_to_listen(_LISTENS_SECONDS)
        heard = {form: one.listened() for form, one in clients.items()}
        run: dict[str, Any] = {"streams": size}
        for form, edge in edges.items():
            assert not heard[form]["silent"], f"{heard[form]['silent']} of {size} streams had no event ({form})"
            memory = edge.memory()
            run[form] = {
                **{name: memory[name].more_than(before[form][name], size - _FIRST) for name in memory},
                **percentiles(heard[form]["milliseconds"]),
                "events": len(heard[form]["milliseconds"]),
                "opened_seconds": seconds[form],
            }
        yield run


def measure(*, large: bool) -> Iterator[Results]:
    when = conditions()
    sizes = _LARGE if large else _SIZES
    check_files(max(sizes))
    lab = running_lab()
    stack, server = whole(lab.stack), streaming(lab)
    served = servers.serving(lab, stack.apps[APP], server)
    with declared(lab, stack, over=lab.stack), certified(lab), served, _new_gateway(lab):
        edge, bare = Edge.declared(lab, stack), Edge.bare(lab)
        _check(edge, bare)
        with Clients(edge.call()) as clients:
            with Clients(bare.call()) as others:
                both = {"declared": edge, "plain": bare}, {"declared": clients, "plain": others}
                runs = list(_runs(*both, sizes))

            def asked(subject: str) -> Any:
                return edge.call("whoami", subject=subject).once()

            broken = {name: broken_by(clients, change) for name, change in edits(lab, stack, asked).items()}
            changes = {"streams": max(sizes), "edits": broken, "restart": restarted(lab, clients, asked)}
    yield {**when, "period_seconds": PERIOD_SECONDS, "runs": runs, "changes": changes}


def tables(results: Results) -> dict[str, list[Row]]:
    rows = [row for run in results["runs"] for row in _cost(run)]
    return dict(zip(PLACES, (rows, list(_changes(results["changes"]))), strict=True))


def _cost(run: Mapping[str, Any]) -> Iterator[Row]:
    one, plain = (run[form] for form in _FORMS)
    size = f"{run['streams']:,} streams"
    for name, whose in _MEMORY.items():
        yield Row(
            what=f"{size}: {whose} memory for each",
            figure=_memory(one[name]),
            plain=_memory(plain[name]),
            ratio=one[name]["allocated_bytes"] / plain[name]["allocated_bytes"],
        )
    for name, what in (("p50_milliseconds", "median"), ("p99_milliseconds", "p99")):
        yield Row(
            what=f"{size}: an event under way, {what}",
            figure=f"{one[name]:.2f} ms",
            plain=f"{plain[name]:.2f} ms",
            ratio=one[name] / plain[name],
        )


def _memory(one: Mapping[str, int]) -> str:
    return f"{one['allocated_bytes'] / _KIB:.1f} KiB (resident {one['resident_bytes'] / _KIB:.1f})"


def _changes(changes: Mapping[str, Any]) -> Iterator[Row]:
    size = f"{changes['streams']:,} streams"
    for name, what in _EDITS.items():
        edit = changes["edits"][name]
        figure = f"{edit['cut']} cut, {edit['silent']} silent; in force after {edit['in_force_seconds']:.2f} s"
        yield _alone(f"{size}, {what}", "0 cut", figure)
    again = changes["restart"]
    yield _alone(f"{size}, the gateway is restarted", "0 cut", f"{again['ended_at_once']} cut at once")
    failed = sum(again["failed"].values())
    yield _alone(f"{size}, new connections meanwhile", "0 failed", f"{failed} of {again['requests']:,} failed")
    refused = sum(again["refused"].values())
    figure = f"{refused} refused; all open after {again['open_again_seconds']:.1f} s"
    yield _alone(f"{size}, all left and opened anew", "0 refused", figure)


def _alone(what: str, goal: str, figure: str) -> Row:
    return Row(what=what, goal=goal, figure=figure, plain="", ratio=None)


def plot(results: Results) -> Plot:
    named = {"declared": "as declared", "plain": "bare Istio"}
    curves = {
        named[form]: [
            (run["streams"], run["streams"] * run[form]["gateway"]["allocated_bytes"] / _KIB**2)
            for run in results["runs"]
        ]
        for form in _FORMS
    }
    return Plot("Memory of the gateway's Envoy for open streams", "open streams", "MiB allocated", curves)
