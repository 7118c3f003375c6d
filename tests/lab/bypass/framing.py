"""Requests of which two readers see different ends, names or targets; with a token that may do everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.bypass.attempt import CALL, HOST, TOOL, Attempt, text

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CALL), CALL)
LENGTH = str(len(CALL))


def both_lengths() -> Iterator[Attempt]:
    """A length and chunks: whoever goes by the other one sees a second request."""
    for name, headers in (
        ("length first", (("content-length", str(len(CHUNKED))), ("transfer-encoding", "chunked"))),
        ("chunks first", (("transfer-encoding", "chunked"), ("content-length", str(len(CHUNKED))))),
        ("length of the first bytes", (("content-length", "4"), ("transfer-encoding", "chunked"))),
        ("no length", (("content-length", "0"), ("transfer-encoding", "chunked"))),
        ("upper case", (("Content-Length", str(len(CHUNKED))), ("Transfer-Encoding", "CHUNKED"))),
        ("length of the call", (("content-length", LENGTH), ("transfer-encoding", "chunked"))),
    ):
        yield Attempt(name, headers=headers, body=CHUNKED)


CODINGS = (
    *("identity", "xchunked", "chunked x", "chunked, identity", "identity, chunked", "gzip, chunked", "chunked;q=1"),
    *("chunked,chunked", "chun ked", "[chunked]", "'chunked'", "x", "\x0bchunked", "chunke", "deflate", "chunked, x"),
)
LENGTHS = (
    "+5",
    "-1",
    "0x5",
    "5.0",
    "1e2",
    "abc",
    "5 5",
    "99999999999999999999999",
    f"{LENGTH}, 5",
    f"{LENGTH};",
    f"{LENGTH}x",
)


def framing() -> Iterator[Attempt]:
    for coding in CODINGS:
        yield Attempt(f"transfer-encoding: {coding!r}", headers=(("transfer-encoding", coding),), body=CHUNKED)
    for length in LENGTHS:
        yield Attempt(f"content-length: {length}", headers=(("content-length", length),))
    yield Attempt("two lengths", headers=(("content-length", LENGTH), ("content-length", "5")))
    yield Attempt("two codings", headers=(("transfer-encoding", "chunked"), ("transfer-encoding", "x")), body=CHUNKED)
    for name in (
        "content-length ",
        " x",
        "x\0y",
        "",
        "x y",
        "x(",
        "x\x7f",
        "x,y",
        "x;y",
        "x/y",
        "x[y]",
        "x{y}",
        "x@y",
        "x=y",
    ):
        coded = (("transfer-encoding", "chunked"), (name, "1"))
        yield Attempt(f"a header named {name!r}", headers=coded, body=CHUNKED)
    for value in ("a\0b", "a\x01b", "a\x7fb", "a\nb", "a\0", "\x1b[2J"):
        coded = (("transfer-encoding", "chunked"), ("x-a", value))
        yield Attempt(f"a value {value!r}", headers=coded, body=CHUNKED)
    for version in ("HTTP/0.9", "HTTP/1.0", "HTTP/2.0", "HTTP/3", "HTTP/1.1 x", "http/1.1", "HTTP/11", "HTP/1.1", ""):
        yield Attempt(f"version {version!r}", version=version)
    for target in (
        "https://evil.example/mcp",
        "http://evil.example/mcp",
        "mcp",
        "*",
        "/mcp x",
        "/mcp\tx",
        "//evil.example/mcp",
    ):
        yield Attempt(f"target {target!r}", target=target, headers=(("transfer-encoding", "chunked"),), body=CHUNKED)
    yield Attempt("no host", left_out=("host",), headers=(("transfer-encoding", "chunked"),), body=CHUNKED)
    two = (("host", HOST), ("host", "evil.example"), ("transfer-encoding", "chunked"))
    yield Attempt("two hosts", headers=two, body=CHUNKED)
    for size in ("-1", "0x5", "g", "5 5", "ffffffffffffffffff", "+5", " ", "5\r"):
        body = size.encode() + b"\r\n" + CALL + b"\r\n0\r\n\r\n"
        yield Attempt(f"a chunk of {size!r}", headers=(("transfer-encoding", "chunked"),), body=body)


_REQUEST = (
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", HOST),
    (":path", "/mcp"),
    ("content-type", "application/json"),
)


def _but(*changes: tuple[str, str | None]) -> tuple[tuple[str, str], ...]:
    """The headers of a request with some others; None takes one away."""
    changed = dict(changes)
    kept = tuple(
        (name, changed.get(name, value) or "") for name, value in _REQUEST if changed.get(name, value) is not None
    )
    return (*kept, *((name, value) for name, value in changes if value is not None and name not in dict(_REQUEST)))


def http2() -> Iterator[Attempt]:
    for name, headers in (
        ("no method", _but((":method", None))),
        ("no path", _but((":path", None))),
        ("no scheme", _but((":scheme", None))),
        ("path twice", (*_REQUEST[:4], (":path", "/metrics"), *_REQUEST[4:])),
        ("method twice", (*_REQUEST[:4], (":method", "GET"), *_REQUEST[4:])),
        ("authority twice", (*_REQUEST[:4], (":authority", "evil.example"), *_REQUEST[4:])),
        ("a status", (*_REQUEST[:4], (":status", "200"), *_REQUEST[4:])),
        ("an unknown pseudo-header", (*_REQUEST[:4], (":user", "admin"), *_REQUEST[4:])),
        ("a pseudo-header behind", (*_REQUEST[:3], *_REQUEST[4:], _REQUEST[3])),
        ("a name in upper case", _but(("X-User", "admin"))),
        ("a connection", _but(("connection", "keep-alive"))),
        ("an upgrade", _but(("upgrade", "h2c"))),
        ("a keep-alive", _but(("keep-alive", "1"))),
        ("a proxy connection", _but(("proxy-connection", "keep-alive"))),
        ("chunks", _but(("transfer-encoding", "chunked"))),
        ("te", _but(("te", "gzip"))),
        ("a length that is not", _but(("content-length", "5"))),
        ("a length of nothing", _but(("content-length", "0"))),
        ("a negative length", _but(("content-length", "-1"))),
        ("a path of nothing", _but((":path", ""))),
        ("a path without a slash", _but((":path", "mcp"))),
        ("a whole URL as path", _but((":path", f"https://{HOST}/mcp"))),
        ("a blank in the path", _but((":path", "/mcp x"))),
        ("a request in the path", _but((":path", "/health HTTP/1.1\r\nhost: x\r\n\r\nPOST /mcp"))),
        ("a line in a value", _but(("x-a", "a\r\nx-mcp-sub: admin"))),
        ("NUL in a value", _but(("x-a", "a\0b"))),
        ("a line in a name", _but(("x-a\r\nx-b", "1"))),
        ("a blank in a name", _but(("x a", "1"))),
        ("a colon in a name", _but(("x:a", "1"))),
        ("a blank in the method", _but((":method", "POST /mcp HTTP/1.1"))),
        ("another authority", _but((":authority", "evil.example"))),
        ("an authority with a user", _but((":authority", f"a@{HOST}"))),
        ("an authority with a path", _but((":authority", f"{HOST}/x"))),
    ):
        yield Attempt(name, http2=headers, body=text(TOOL).encode())
