"""Calls of the guarded tool without its scope, in bodies that two readers could take for different calls."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import TYPE_CHECKING

from tests.lab.bypass.attempt import CALL, PUBLIC_TOOL, TOOL, Attempt, message, text, without_the_tools_scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLAIN = text()
INNOCENT = text("list_orders")
LISTED = text(PUBLIC_TOOL)
LARGEST = 262_144


def _bodies(bodies: Mapping[str, str | bytes], *headers: tuple[str, str]) -> Iterator[Attempt]:
    for name, body in bodies.items():
        raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        yield Attempt(name, body=raw, headers=headers, token=without_the_tools_scope)


def several() -> Iterator[Attempt]:
    """More than one message, or one inside something else."""
    wrapped = json.dumps(PLAIN)
    yield from _bodies(
        {
            "batch of one": f"[{PLAIN}]",
            "batch behind an innocent one": f"[{LISTED},{PLAIN}]",
            "batch before an innocent one": f"[{PLAIN},{LISTED}]",
            "batch in a batch": f"[[{PLAIN}]]",
            "batch with blanks": f" [ {PLAIN} ] ",
            "two messages": LISTED + PLAIN,
            "two messages, guarded first": PLAIN + LISTED,
            "two lines": f"{LISTED}\n{PLAIN}",
            "two with a comma": f"{LISTED},{PLAIN}",
            "two with NUL": f"{LISTED}\0{PLAIN}",
            "record separators": f"\x1e{LISTED}\n\x1e{PLAIN}\n",
            "by numbers": f'{{"0":{PLAIN}}}',
            "requests": f'{{"requests":[{PLAIN}]}}',
            "batch member": f'{{"jsonrpc":"2.0","batch":[{PLAIN}]}}',
            "params of an unnamed one": f'{{"jsonrpc":"2.0","id":1,"params":{PLAIN}}}',
            "a text": wrapped,
            "a text in a text": json.dumps(wrapped),
            "base64": base64.b64encode(CALL),
            "an event": f"data: {PLAIN}\n\n",
            "a form": f"body={PLAIN}",
            "a multipart": f'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n{PLAIN}\r\n--x--\r\n',
            "content-length frame": f"Content-Length: {len(PLAIN)}\r\n\r\n{PLAIN}",
            "chunk in the body": f"{len(PLAIN):x}\r\n{PLAIN}\r\n0\r\n\r\n",
            "YAML": f"jsonrpc: '2.0'\nid: 1\nmethod: tools/call\nparams: {{name: {TOOL}}}\n",
            "XML": f"<methodCall><methodName>tools/call</methodName><params>{TOOL}</params></methodCall>",
        }
    )


def doubled() -> Iterator[Attempt]:
    """One key twice, of which a server takes the first or the last."""
    params = json.dumps({"name": TOOL, "arguments": {}})
    other = json.dumps({"name": PUBLIC_TOOL, "arguments": {}})
    found: dict[str, str] = {}
    for key in ("method", "Method", "METHOD", "metho\\u0064", "\\u006dethod", "mEthod"):
        found[f"{key} first"] = PLAIN.replace('{"jsonrpc"', f'{{"{key}": "ping", "jsonrpc"', 1)
        found[f"{key} last"] = f'{PLAIN[:-1]}, "{key}": "ping"}}'
    for key in ("params", "Params", "PARAMS", "param\\u0073", "param\u017f", "pAraMs"):
        found[f"{key} first"] = f'{{"{key}": {other}, {PLAIN[1:]}'
        found[f"{key} last"] = f'{PLAIN[:-1]}, "{key}": {other}}}'
        found[f"{key} last, guarded"] = f'{LISTED[:-1]}, "{key}": {params}}}'
    for key in ("name", "Name", "NAME", "nam\\u0065", "\\u006eame", "nAme"):
        found[f"{key} first"] = PLAIN.replace('{"name"', f'{{"{key}": "{PUBLIC_TOOL}", "name"')
        found[f"{key} last"] = PLAIN.replace(', "arguments"', f', "{key}": "{PUBLIC_TOOL}", "arguments"')
    found["jsonrpc twice"] = f'{{"jsonrpc": "2.0", {PLAIN[1:]}'
    found["id twice"] = f'{PLAIN[:-1]}, "id": 2}}'
    yield from _bodies(found)


def loose() -> Iterator[Attempt]:
    """JSON that some parsers read and others refuse."""
    start = PLAIN[:-1]
    yield from _bodies(
        {
            "line comment": f"// x\n{PLAIN}",
            "block comment": f"/* x */{PLAIN}",
            "hash comment": f"# x\n{PLAIN}",
            "comment inside": PLAIN.replace('"method"', '/* "method": "ping" */ "method"'),
            "comma at the end": f"{start},}}",
            "comma at the end of params": PLAIN.replace('"select 1"}}', '"select 1"},}'),
            "comma twice": PLAIN.replace(', "id"', ',, "id"'),
            "comma first": PLAIN.replace("{", "{,", 1),
            "single quotes": PLAIN.replace('"', "'"),
            "bare keys": PLAIN.replace('"method"', "method"),
            "NaN": PLAIN.replace('"id": 1', '"id": NaN'),
            "Infinity": PLAIN.replace('"id": 1', '"id": Infinity'),
            "a hex number": PLAIN.replace('"id": 1', '"id": 0x1'),
            "a plus": PLAIN.replace('"id": 1', '"id": +1'),
            "a zero first": PLAIN.replace('"id": 1', '"id": 01'),
            "a point first": PLAIN.replace('"id": 1', '"id": .5'),
            "a point last": PLAIN.replace('"id": 1', '"id": 1.'),
            "True": PLAIN.replace('"id": 1', '"id": True'),
            "undefined": PLAIN.replace('"id": 1', '"id": undefined'),
            "a line in a text": PLAIN.replace("select 1", "select\n1"),
            "a tab in a text": PLAIN.replace("select 1", "select\t1"),
            "NUL in a text": PLAIN.replace("select 1", "select\x001"),
            "\\x escape": PLAIN.replace("execute_sql", "execute\\x5fsql"),
            "octal escape": PLAIN.replace("execute_sql", "execute\\137sql"),
            "\\a escape": PLAIN.replace("select 1", "select\\a1"),
            "\\u with three digits": PLAIN.replace("execute_sql", "execute\\u05fsql"),
            "\\U escape": PLAIN.replace("execute_sql", "execute\\U0000005fsql"),
            "\\u{} escape": PLAIN.replace("execute_sql", "execute\\u{5f}sql"),
            "form feed between": PLAIN.replace(", ", ",\f"),
            "vertical tab between": PLAIN.replace(", ", ",\v"),
            "no-break space between": PLAIN.replace(", ", ",\u00a0"),
            "line separator between": PLAIN.replace(", ", ",\u2028"),
            "something before": f"x{PLAIN}",
            "guard of arrays before": f")]}}',\n{PLAIN}",
            "something behind": f"{PLAIN}x",
            "NUL behind": f"{PLAIN}\0",
            "a bracket too many": f"{PLAIN}}}",
            "a bracket too few": start,
            "nothing": "",
            "equals for colon": PLAIN.replace('"id": 1', '"id" = 1'),
            "semicolon for comma": PLAIN.replace(', "id"', '; "id"'),
            "triple quotes": PLAIN.replace('"select 1"', '"""select 1"""'),
            "a concatenated text": PLAIN.replace('"execute_sql"', '"execute" + "_sql"'),
        }
    )


def tool_names() -> Iterator[Attempt]:
    """Names that are none, the guarded one written otherwise, or the second one that some servers give it."""
    shapes = ([TOOL], [], {}, {"name": TOOL}, 7, 0, True, False, None, "", [[TOOL]])
    yield from _bodies({f"name: {json.dumps(shape)}": text(shape) for shape in shapes})
    written = (
        *(
            f" {TOOL}",
            f"{TOOL} ",
            f"{TOOL}\n",
            f"{TOOL}\t",
            f"\ufeff{TOOL}",
            f"{TOOL}\u200b",
            f"{TOOL}\0",
            f"{TOOL}\u00ad",
        ),
        *(
            TOOL.replace("e", "\u0435"),
            "\uff45xecute_sql",
            "execute\uff3fsql",
            "execute\u005f\u0301sql",
            f"{TOOL}/",
            f"./{TOOL}",
        ),
        *(
            f"/{TOOL}",
            f"{TOOL}?x",
            f"{TOOL};",
            f"{TOOL}#x",
            f"{TOOL}()",
            "%65xecute_sql",
            "execute%5fsql",
            f"{TOOL},{PUBLIC_TOOL}",
        ),
        *(
            f"{PUBLIC_TOOL},{TOOL}",
            f'"{TOOL}"',
            f"'{TOOL}'",
            f"`{TOOL}`",
            f"{TOOL}@1",
            f"server:{TOOL}",
            f"__0123456789ab_{TOOL}",
            "__0123456789ab_x",
            f"*{TOOL}",
            "execute sql",
        ),
        *(f"{TOOL}|{PUBLIC_TOOL}", f"{TOOL}&", f"{TOOL}=", f"{TOOL}\\", "a" * 129, f"{TOOL}{' ' * 200}"),
    )
    yield from _bodies({f"name: {name!r}"[:60]: text(name) for name in written})
    for index in range(len(TOOL)):
        escaped = f"{TOOL[:index]}\\u{ord(TOOL[index]):04x}{TOOL[index + 1 :]}"
        yield from _bodies({f"name with {escaped}": PLAIN.replace(TOOL, escaped)})
    yield from _bodies({"no name": json.dumps({**message(), "params": {"arguments": {}}})})
    yield from _bodies({"no params": json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call"})})
    for shape in ([TOOL], TOOL, 7, None, True):
        yield from _bodies({f"params: {json.dumps(shape)}": json.dumps({**message(), "params": shape})})


def methods() -> Iterator[Attempt]:
    shapes = (["tools/call"], [], {}, {"method": "tools/call"}, 7, True, None, "", [["tools/call"]])
    yield from _bodies({f"method: {json.dumps(shape)}": text(method=shape) for shape in shapes})
    written = (
        *(
            "TOOLS/CALL",
            "Tools/Call",
            "tools/CALL",
            "Tools/call",
            " tools/call",
            "tools/call ",
            "tools/call\n",
            "tools/call\0",
        ),
        *(
            "tools\uff0fcall",
            "tool\u0455/call",
            "tools/c\u0430ll",
            "tools%2fcall",
            "tools\\call",
            "tools/call?x",
            "tools/call#x",
        ),
        *(
            "tools/call;x",
            "tools/call,ping",
            "ping,tools/call",
            "tools/call()",
            "response",
            "\ufefftools/call",
            "7tools/call",
        ),
        *("tools/call\u200b", "tools:call", "*", "tools call", "'tools/call'", "[tools/call]", "tools/call@1"),
    )
    yield from _bodies({f"method: {name!r}": text(method=name) for name in written})
    for escaped in ("tools\\/call", "tools\\u002fcall", "\\u0074ools/call", "tools/cal\\u006c"):
        yield from _bodies({f"method with {escaped}": PLAIN.replace("tools/call", escaped)})
    yield from _bodies({"no method": json.dumps({"jsonrpc": "2.0", "id": 1, "params": message()["params"]})})
    mixed = json.dumps({**message(), "result": {}})
    yield from _bodies(
        {"a call that is an answer too": mixed, "answer with params": json.dumps({"result": 1, "params": {}})}
    )


CONTENT_TYPES = (
    *(
        "text/plain",
        "text/json",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "*/*",
        "json",
        "x",
    ),
    *(
        "multipart/form-data; boundary=x",
        "multipart/mixed; boundary=x",
        "application/json-rpc",
        "application/jsonrequest",
    ),
    *(
        "application/vnd.api+json",
        "application/ld+json",
        "application/problem+json",
        "application/json+x",
        "application/*",
    ),
    *("application/json; charset=utf-16", "application/json; charset=utf-32"),
    *(
        "application/json; charset=iso-8859-1",
        "application/json; charset=us-ascii",
        "application/json; charset=shift_jis",
    ),
    *(
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset=",
        "application/json;",
        "application",
    ),
    *(
        "application/json, text/plain",
        "text/plain, application/json",
        "application/json; boundary=x",
        "application/jsonx",
    ),
    *(
        "application /json",
        "application/json; version=1",
        "application/x-ndjson",
        "application/json-seq",
        "application/cbor",
    ),
    *("application/msgpack", "text/event-stream", "application/octet-stream", "application/x-yaml"),
)


def content_types() -> Iterator[Attempt]:
    for kind in CONTENT_TYPES:
        yield Attempt(kind, headers=(("content-type", kind),), token=without_the_tools_scope)
    yield Attempt("none", left_out=("content-type",), token=without_the_tools_scope)
    for pair in (("application/json", "text/plain"), ("text/plain", "application/json")):
        two = tuple(("content-type", kind) for kind in pair)
        yield Attempt(" and ".join(pair), headers=two, token=without_the_tools_scope)


def codings() -> Iterator[Attempt]:
    packed = {
        "gzip": gzip.compress(CALL, mtime=0),
        "deflate": zlib.compress(CALL),
        "x-gzip": gzip.compress(CALL, 1, mtime=0),
    }
    for coding, body in packed.items():
        yield from _bodies({f"{coding}": body}, ("content-encoding", coding))
        yield from _bodies({f"{coding} that is not said": body})
        yield from _bodies({f"{coding} said to be identity": body}, ("content-encoding", "identity"))
    twice = gzip.compress(packed["gzip"], mtime=0)
    yield from _bodies({"gzip twice": twice}, ("content-encoding", "gzip, gzip"))
    yield from _bodies({"raw deflate": zlib.compress(CALL)[2:-4]}, ("content-encoding", "deflate"))
    for coding in (
        *(
            "br",
            "zstd",
            "compress",
            "gzip",
            "GZIP",
            "gzip, identity",
            "identity, gzip",
            "aes128gcm",
            "exi",
            "*",
            "utf-8",
        ),
        *("x", "base64", "pack200-gzip", "dcb", "dcz"),
    ):
        yield from _bodies({f"plain, said to be {coding}": CALL}, ("content-encoding", coding))
    for coding in ("base64", "quoted-printable"):
        yield from _bodies({f"transfer as {coding}": base64.b64encode(CALL)}, ("content-transfer-encoding", coding))


CHARSETS = (
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-7", "utf-8-sig", "cp037"),
    *("cp1026", "cp273"),
)


def charsets() -> Iterator[Attempt]:
    for charset in CHARSETS:
        yield from _bodies(
            {charset: PLAIN.encode(charset)} if charset != "utf-7" else {charset: PLAIN.replace("_", "+AF8-")}
        )
        named = ("content-type", f"application/json; charset={charset}")
        yield from _bodies({f"{charset}, said": PLAIN.encode(charset)}, named)
    raw = PLAIN.encode()
    for name, spoilt in (
        ("a byte that is no UTF-8", b"\xff"),
        ("an overlong slash", b"\xc0\xaf"),
        ("an overlong NUL", b"\xc0\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("beyond Unicode", b"\xf5\x80\x80\x80"),
    ):
        yield from _bodies({name: raw.replace(b"select 1", b"select " + spoilt)})


def sizes() -> Iterator[Attempt]:
    pad = "a" * (LARGEST + 1)
    yield from _bodies(
        {
            "a long text": f'{PLAIN[:-1]}, "x": "{pad}"}}',
            "a long text first": f'{{"x": "{pad}", {PLAIN[1:]}',
            "a long key": f'{PLAIN[:-1]}, "{pad}": 1}}',
            "blanks before": " " * (LARGEST + 1) + PLAIN,
            "blanks behind": PLAIN + " " * (LARGEST + 1),
            "lines behind": PLAIN + "\n" * (LARGEST + 1),
            "a long argument": PLAIN.replace("select 1", pad),
            "a long id": PLAIN.replace('"id": 1', f'"id": "{pad}"'),
            "many keys": PLAIN[:-1] + "".join(f', "k{number}": 1' for number in range(25_000)) + "}",
            "a megabyte": f'{PLAIN[:-1]}, "x": "{"a" * 1_048_576}"}}',
        }
    )
    for depth in (65, 70, 100, 500, 1000, 5000, 20_000):
        nested = "[" * depth + "]" * depth
        objects = '{"a":' * depth + "1" + "}" * depth
        yield from _bodies(
            {f"{depth} lists": f'{PLAIN[:-1]}, "x": {nested}}}', f"{depth} objects": f'{PLAIN[:-1]}, "x": {objects}}}'}
        )
    long = (f'{PLAIN[:-1]}, "x": "{pad}"}}').encode()
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (long[:100_000], long[100_000:])) + b"0\r\n\r\n"
    yield Attempt(
        "a long text in chunks",
        body=chunked,
        headers=(("transfer-encoding", "chunked"),),
        token=without_the_tools_scope,
    )
