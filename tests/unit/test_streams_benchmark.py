"""The benchmark of open streams counts what it says: events as they come, streams that end, memory of each."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab import pki
from tests.benchmarks import streams
from tests.benchmarks.data_path.load import Call
from tests.benchmarks.streams import edges, server
from tests.benchmarks.streams.client import Events, RefusedError, answered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.unit

HOST = "streams.example.com"
PERIOD = 0.4


def body(tool: str) -> str:
    return f'{{"method": "tools/call", "params": {{"name": "{tool}"}}}}'


@contextlib.contextmanager
def serving(certificate: Path, key: Path) -> Iterator[tuple[int, threading.Event]]:
    """The server's port, and what ends its connections."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    ports, ended = list[int](), threading.Event()
    ready = threading.Event()

    async def run() -> None:
        transports: list[asyncio.BaseTransport] = []

        class Connection(server.Connection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transports.append(transport)
                super().connection_made(transport)

        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: Connection(PERIOD), "127.0.0.1", 0, ssl=tls)
        ports.append(listening.sockets[0].getsockname()[1])
        ready.set()
        await asyncio.to_thread(ended.wait)
        listening.close()
        for one in transports:
            one.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield ports[0], ended
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> pki.Authority:
    return pki.Authority(tmp_path, "streams").ensure()


def call(authority: pki.Authority, port: int, tool: str = "stream") -> Call:
    url = f"https://{HOST}:{port}/mcp"
    return Call(url=url, address="127.0.0.1", ca_file=authority.certificate, headers={}, body=body(tool))


def ended(clients: edges.Clients, wanted: int) -> bool:
    deadline = time.monotonic() + 10
    while clients.state()["ended"] < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return clients.state() == {"open": 0, "ended": wanted}


def test_every_stream_gets_its_events_until_it_ends(authority: pki.Authority) -> None:
    with (
        serving(*authority.issue("server", HOST, names=[HOST])) as (port, end),
        edges.Clients(call(authority, port)) as clients,
    ):
        assert clients.grow(3)["refused"] == {}
        assert clients.grow(2)["refused"] == {}
        clients.begin_to_listen(PERIOD * 4)
        listened = clients.listened()
        assert listened["silent"] == 0
        assert 5 * 2 < len(listened["milliseconds"]) < 5 * 6
        assert all(0 < one < 5_000 for one in listened["milliseconds"])
        assert clients.state() == {"open": 5, "ended": 0}
        end.set()
        assert ended(clients, 5)


def test_streams_that_their_clients_leave_have_not_ended(authority: pki.Authority) -> None:
    with (
        serving(*authority.issue("server", HOST, names=[HOST])) as (port, _),
        edges.Clients(call(authority, port)) as clients,
    ):
        clients.grow(3)
        assert clients.leave() == 3
        assert clients.grow(2)["refused"] == {}
        assert clients.state() == {"open": 2, "ended": 0}


def test_an_answer_that_is_no_stream_is_refused_and_counted(authority: pki.Authority) -> None:
    with (
        serving(*authority.issue("server", HOST, names=[HOST])) as (port, _),
        edges.Clients(call(authority, port, tool="whoami")) as clients,
    ):
        assert clients.grow(2)["refused"] == {"RefusedError: HTTP/1.1 200 OK": 2}
        assert clients.state() == {"open": 0, "ended": 0}


def test_a_stream_without_an_event_is_silent(authority: pki.Authority) -> None:
    with (
        serving(*authority.issue("server", HOST, names=[HOST])) as (port, _),
        edges.Clients(call(authority, port)) as clients,
    ):
        clients.grow(2)
        clients.begin_to_listen(0)
        assert clients.listened() == {"milliseconds": [], "silent": 2}


def test_events_are_found_however_the_bytes_come() -> None:
    whole = server.event(1, 12.5) + server.event(2, 13.25) + b"0\r\n\r\n"
    for size in (1, 7, len(whole)):
        events = Events()
        parts = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [one for part in parts for one in events.take(part)] == [12.5, 13.25]
        assert events.ended


def test_two_chunks_may_hold_one_event() -> None:
    text = b'data: {"message": "7.5"}\n\n'
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (text[:9], text[9:]))
    assert list(Events().take(chunks)) == [7.5]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/event-stream",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json",
    ],
)
def test_only_an_event_stream_is_one(head: bytes) -> None:
    with pytest.raises(RefusedError):
        answered(head)
    answered(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nserver: envoy")


def test_percentiles_are_those_of_the_events() -> None:
    assert streams.percentiles(list(range(1, 102))) == {"p50_milliseconds": 51.0, "p99_milliseconds": 100.0}


def test_memory_is_what_has_come_by_stream() -> None:
    before, now = edges.Memory(1_000, 4_000), edges.Memory(21_000, 14_000)
    assert now.more_than(before, 10) == {"allocated_bytes": 2_000, "resident_bytes": 1_000}
    assert edges.resident("Name:\tenvoy\nVmHWM:\t  900 kB\nVmRSS:\t  77088 kB\n") == 77088 * 1024


def test_more_streams_than_there_may_be_files_are_told() -> None:
    with pytest.raises(AssertionError, match=r"open files, and the hard limit is \d+: see `ulimit -Hn`"):
        edges.check_files(10**9)


def run(**changes: Any) -> dict[str, Any]:
    form = {
        "gateway": {"allocated_bytes": 61_440, "resident_bytes": 71_680},
        "sidecar": {"allocated_bytes": 40_960, "resident_bytes": 51_200},
        "p50_milliseconds": 1.5,
        "p99_milliseconds": 6.0,
    }
    return {"streams": 1_000, "declared": {**form, **changes}, "plain": form}


CHANGES = {
    "streams": 1_000,
    "edits": {name: {"cut": 0, "silent": 0, "in_force_seconds": 0.25} for name in ("route", "policy")},
    "restart": {
        "ended_at_once": 0,
        "requests": 1_200,
        "failed": {"503 ''": 2},
        "refused": {"OSError: closed": 3},
        "open_again_seconds": 9.5,
    },
}


def test_the_page_compares_memory_and_latency_and_counts_what_was_cut() -> None:
    dearer = run(gateway={"allocated_bytes": 122_880, "resident_bytes": 131_072}, p99_milliseconds=9.0)
    results = {"runs": [dearer], "changes": CHANGES}
    found = streams.tables(results)
    assert tuple(found) == streams.PLACES
    cost, changes = ({row.what: row for row in rows} for rows in found.values())
    gateway = cost["1,000 streams: the gateway's memory for each"]
    assert (gateway.figure, gateway.plain, gateway.ratio) == (
        "120.0 KiB (resident 128.0)",
        "60.0 KiB (resident 70.0)",
        2.0,
    )
    late = cost["1,000 streams: an event under way, p99"]
    assert (late.figure, late.plain, late.ratio) == ("9.00 ms", "6.00 ms", 1.5)
    route = changes["1,000 streams, a route is edited, and edited back"]
    assert (route.goal, route.figure, route.ratio) == ("0 cut", "0 cut, 0 silent; in force after 0.25 s", None)
    assert changes["1,000 streams, new connections meanwhile"].figure == "2 of 1,200 failed"
    again = changes["1,000 streams, all left and opened anew"]
    assert again.figure == "3 refused; all open after 9.5 s"


def test_the_picture_shows_the_gateways_memory_of_all_streams_together() -> None:
    gateway = {"allocated_bytes": 122_880, "resident_bytes": 131_072}
    runs = [{**run(gateway=gateway), "streams": size} for size in (512, 1_024)]
    assert streams.plot({"runs": runs, "changes": CHANGES}).curves == {
        "as declared": [(512, 60.0), (1_024, 120.0)],
        "bare Istio": [(512, 30.0), (1_024, 60.0)],
    }
