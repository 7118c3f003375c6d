"""HTTP requests with nothing hidden: any address, SNI, Host, TLS version and client certificate; standard library only.

Pods carry the requests of a test out as they are (`carry_out`), so that it can send from inside the mesh.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `address` and `port` say where to connect; `url` says what to ask for and as whom to verify it."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | bytes | None = None
    address: str | None = None
    """Connect here instead of resolving the URL's host."""
    port: int | None = None
    """Connect to this port instead of the URL's."""
    sni: str | None = None
    """TLS server name; the URL's host if not given."""
    ca_file: str | None = None
    """Trust only this CA; without it the server's certificate is not verified."""
    client_certificate: str | None = None
    """PEM file with the certificate chain that this client shows."""
    client_key: str | None = None
    tls_version: str | None = None
    """Exactly this version: one of TLSv1_1, TLSv1_2, TLSv1_3."""
    timeout: float = 10.0
    """Seconds for connecting and for each read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`status` 0 means that no HTTP answer came; `error` then says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    error: str = ""
    tls_version: str = ""
    certificate_names: tuple[str, ...] = ()
    seconds: float = 0.0

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.status or self.error} {self.body[:200]!r}"


class Connection:
    """A connection that may carry several requests; opened by the first, for its host, address and TLS settings."""

    def __init__(self) -> None:
        self._http: http.client.HTTPConnection | None = None
        self._tls: dict[str, Any] = {}

    def send(self, request: Request) -> Reply:
        """Redirects are not followed. What the network does never raises: the reply says it and the connection ends."""
        started = time.monotonic()
        try:
            response = self._exchange(request)
            content = response.read().decode("utf-8", "replace")
            reply = Reply(status=response.status, headers=_joined(response.getheaders()), body=content)
            if response.will_close:
                self.close()
        except (OSError, http.client.HTTPException) as error:
            reply = Reply(status=0, error=f"{type(error).__name__}: {error}".strip(": "))
            self.close()
        return replace(reply, seconds=time.monotonic() - started, **self._tls)

    def _exchange(self, request: Request) -> http.client.HTTPResponse:
        url = urlsplit(request.url)
        if self._http is None:
            self._http = self._connect(request)
        target = request.url.split("://", 1)[1]
        target = target[target.find("/") :] if "/" in target else "/"
        self._http.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        given = {name.lower() for name in request.headers}
        if "host" not in given:
            self._http.putheader("Host", url.netloc.rpartition("@")[2])
        for name, value in request.headers.items():
            self._http.putheader(name, value)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        # With a transfer coding the body is what the caller has coded, and no length is said.
        if body is not None and not given & {"content-length", "transfer-encoding"}:
            self._http.putheader("Content-Length", str(len(body)))
        self._http.endheaders(body)
        return self._http.getresponse()

    def _connect(self, request: Request) -> http.client.HTTPConnection:
        url = urlsplit(request.url)
        host = url.hostname or ""
        port = request.port or url.port or (443 if url.scheme == "https" else 80)
        connection = http.client.HTTPConnection(host, port, timeout=request.timeout)
        connection.sock = _connected_socket(request, url.scheme, host, port, self._tls)
        return connection

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def send(request: Request) -> Reply:
    """Send one request on a connection of its own."""
    with Connection() as connection:
        return connection.send(request)


def send_kept_alive(requests: Sequence[Request], *, connections: int) -> list[Reply]:
    """Replies in the order of `requests`, which are divided over `connections` to one server that are kept alive."""

    def share(number: int) -> list[Reply]:
        with Connection() as connection:
            return [connection.send(request) for request in requests[number::connections]]

    replies: list[Reply] = [Reply(status=0)] * len(requests)
    with ThreadPoolExecutor(connections) as pool:
        for number, sent in enumerate(pool.map(share, range(connections))):
            replies[number::connections] = sent
    return replies


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _connected_socket(request: Request, scheme: str, host: str, port: int, tls: dict[str, Any]) -> socket.socket:
    plain = socket.create_connection((request.address or host, port), timeout=request.timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if scheme != "https":
        return plain
    try:
        secured = tls_context(request).wrap_socket(plain, server_hostname=request.sni or host)
    except BaseException:
        plain.close()
        raise
    tls["tls_version"] = secured.version() or ""
    if request.ca_file:
        alternatives: Any = (secured.getpeercert() or {}).get("subjectAltName", ())
        tls["certificate_names"] = tuple(name for _, name in alternatives)
    return secured


def tls_context(request: Request) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if request.ca_file:
        context.load_verify_locations(request.ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if request.client_certificate:
        context.load_cert_chain(request.client_certificate, request.client_key)
    if request.tls_version:
        version = ssl.TLSVersion[request.tls_version]
        if version < ssl.TLSVersion.TLSv1_2:
            # OpenSSL's own security level would refuse to offer it, and the server's refusal is what is asked for.
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


def send_all(requests: list[Request], *, parallel: int = 1) -> list[Reply]:
    """Replies in the order of `requests`, `parallel` connections at a time."""
    if parallel == 1:
        return [send(request) for request in requests]
    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(send, requests))


def carry_out(order: str) -> str:
    """`{"requests": [...], "parallel": N}` in, the replies out, both as JSON."""
    wanted: dict[str, Any] = json.loads(order)
    replies = send_all([Request(**request) for request in wanted["requests"]], parallel=wanted.get("parallel", 1))
    return json.dumps([asdict(reply) for reply in replies])
