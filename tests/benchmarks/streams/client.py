"""The clients of all streams in one process, each with a TLS connection of its own: `python client.py`, by the standard
library alone.

Standard input has the call (`Call` as JSON) on its first line and orders on those that follow, standard output an
answer to each. It ends with its input. A socket that does not block costs a tenth of what one of asyncio's TLS
transports takes, 256 KiB for its buffer alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARALLEL = 16
"""Connections that are being opened at a time."""
_TIMEOUT_SECONDS = 30.0
_READ_BYTES = 65_536
_SENT_AT = re.compile(rb'"message": *"([0-9.]+)"')


class RefusedError(Exception):
    """The answer is no open stream; the message is its status."""


class Events:
    """The events of an answer whose body comes in HTTP/1.1's chunks."""

    def __init__(self) -> None:
        self._chunks = b""
        self._text = b""
        self.ended = False
        """The body has come whole."""

    def take(self, data: bytes) -> Iterator[float]:
        """When each event was sent that is whole with these bytes."""
        self._chunks += data
        while not self.ended:
            size, found, rest = self._chunks.partition(b"\r\n")
            length = int(size, 16) if found else 0
            if not found or len(rest) < length + 2:
                break
            self.ended = length == 0
            self._text += rest[:length]
            self._chunks = rest[length + 2 :]
        *events, self._text = self._text.split(b"\n\n")
        for event in events:
            if sent_at := _SENT_AT.search(event):
                yield float(sent_at[1])


def answered(head: bytes) -> None:
    """
    Raises:
        RefusedError: the answer with this head is no event stream.
    """
    status, _, headers = head.partition(b"\r\n")
    if b" 200 " not in status + b" " or b"text/event-stream" not in headers.lower():
        raise RefusedError(status.decode("latin-1"))


class Streams:
    """Open streams of one call, and how late their events were while somebody listened."""

    def __init__(self, call: dict[str, Any]) -> None:
        url = urlsplit(call["url"])
        assert url.hostname is not None
        self._host, self._address = url.hostname, (call["address"], url.port or 443)
        lines = [f"POST {url.path} HTTP/1.1", f"host: {url.hostname}", f"content-length: {len(call['body'].encode())}"]
        lines += [f"{name}: {value}" for name, value in call["headers"].items()]
        self._request = ("\r\n".join([*lines, "", ""]) + call["body"]).encode()
        self._tls = ssl.create_default_context(cafile=call["ca_file"])
        self._pool = ThreadPoolExecutor(_PARALLEL)
        self._open: dict[ssl.SSLSocket, Events] = {}
        self._ended = 0
        self._heard: set[ssl.SSLSocket] = set()
        self._late: list[float] = []

    async def grow(self, number: int) -> dict[str, Any]:
        """Open so many more; each is tried once."""
        started = time.monotonic()
        refused = Counter(why for why in await asyncio.gather(*(self._one() for _ in range(number))) if why)
        return {"seconds": round(time.monotonic() - started, 2), "refused": dict(refused)}

    async def _one(self) -> str:
        """Why there is no stream; empty where there is one."""
        loop = asyncio.get_running_loop()
        try:
            connection, rest = await loop.run_in_executor(self._pool, self._opened)
        except (OSError, RefusedError) as error:
            return f"{type(error).__name__}: {error}"
        self._open[connection] = Events()
        self._take(connection, rest)
        loop.add_reader(connection, self._read, connection)
        return ""

    def _opened(self) -> tuple[ssl.SSLSocket, bytes]:
        with socket.create_connection(self._address, timeout=_TIMEOUT_SECONDS) as plain:
            connection = self._tls.wrap_socket(plain, server_hostname=self._host)
        try:
            connection.sendall(self._request)
            head, found, rest = b"", b"", b""
            while not found:
                data = connection.recv(_READ_BYTES)
                if not data:
                    raise RefusedError("closed without an answer")
                head, found, rest = (head + data).partition(b"\r\n\r\n")
            answered(head)
        except BaseException:
            connection.close()
            raise
        connection.setblocking(False)
        return connection, rest

    def _read(self, connection: ssl.SSLSocket) -> None:
        try:
            # What OpenSSL has decrypted no longer makes the socket readable: read until there is none.
            while data := connection.recv(_READ_BYTES):
                self._take(connection, data)
                if self._open[connection].ended:
                    break
        except ssl.SSLWantReadError:
            return
        except OSError:
            pass
        asyncio.get_running_loop().remove_reader(connection)
        connection.close()
        del self._open[connection]
        self._ended += 1

    def _take(self, connection: ssl.SSLSocket, data: bytes) -> None:
        now = time.monotonic()
        for sent_at in self._open[connection].take(data):
            self._heard.add(connection)
            self._late.append(round((now - sent_at) * 1_000, 3))

    def leave(self) -> dict[str, Any]:
        """Close all, as clients do that have no more use for them; they do not count as ended."""
        for connection in self._open:
            asyncio.get_running_loop().remove_reader(connection)
            connection.close()
        left = len(self._open)
        self._open.clear()
        return {"left": left}

    async def listen(self, seconds: float) -> dict[str, Any]:
        """How many milliseconds each event was under way, and how many of the open streams had none."""
        self._late, self._heard = [], set()
        await asyncio.sleep(seconds)
        return {"milliseconds": self._late, "silent": len(self._open.keys() - self._heard)}

    def state(self) -> dict[str, Any]:
        return {"open": len(self._open), "ended": self._ended}


async def _obey() -> None:
    streams = Streams(json.loads(sys.stdin.readline()))
    while line := await asyncio.to_thread(sys.stdin.readline):
        match json.loads(line):
            case {"grow": number}:
                answer = await streams.grow(number)
            case {"listen": seconds}:
                answer = await streams.listen(seconds)
            case {"leave": _}:
                answer = streams.leave()
            case _:
                answer = streams.state()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_obey())
