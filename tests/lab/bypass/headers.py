"""Origins, sessions, names in headers, and what a header says against the body."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.lab.bypass.attempt import HOST, ORIGIN, PUBLIC_TOOL, TOOL, Attempt, without_the_tools_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGINS = (
    *(
        "null",
        "https://evil.example",
        "http://chatgpt.com",
        "https://chatgpt.com.evil.example",
        "https://evilchatgpt.com",
    ),
    *("https://chatgpt.com:443", "https://chatgpt.com:8443", "https://chatgpt.com/", "https://chatgpt.com/x", "*"),
    *("https://CHATGPT.COM", "HTTPS://chatgpt.com", "https://sub.chatgpt.com", "https://chatgpt.com.", "chatgpt.com"),
    *("https://chatgpt.com@evil.example", "https://evil.example@chatgpt.com", "https://chatgpt.com%00.evil.example"),
    *("https://chatgpt.com_.evil.example", "https://chatgpt.com https://evil.example", f"https://{HOST}", "undefined"),
    *("https://evil.example https://chatgpt.com", "https://evil.example, https://chatgpt.com", "https://chatgpt.com,x"),
    *(
        "file://",
        "chrome-extension://abcdefgh",
        "moz-extension://abcdefgh",
        "data:",
        "about:blank",
        "javascript:alert(1)",
    ),
    *("blob:https://chatgpt.com/x", "http://localhost", "http://localhost:3000", "http://127.0.0.1", "http://[::1]"),
    *(
        "https://chatgpt.co",
        "https://chatgpt.comm",
        "https://chat.openai.com",
        "https://xn--chatgp-7ib.com",
        "//chatgpt.com",
    ),
    *(
        "https://ch\u0430tgpt.com",
        "https:/chatgpt.com",
        "https:chatgpt.com",
        "https://chatgpt.com?",
        "https://chatgpt.com#",
    ),
    *(
        "https://chatgpt.com\\.evil.example",
        "https://chatgpt.com;evil.example",
        "wss://chatgpt.com",
        "https://*.chatgpt.com",
    ),
)


def origins() -> Iterator[Attempt]:
    for origin in ORIGINS:
        yield Attempt(origin, headers=(("origin", origin),))
    for pair in ((ORIGIN, "https://evil.example"), ("https://evil.example", ORIGIN)):
        yield Attempt(" and ".join(pair), headers=tuple(("origin", one) for one in pair))


UNDERSCORED = (
    *("x_mcp_sub", "X_MCP_SUB", "x_mcp-sub", "x-mcp_sub", "x_user", "x_forwarded_user", "x_forwarded_for", "x_real_ip"),
    *(
        "mcp_session_id",
        "mcp_method",
        "mcp_name",
        "content_type",
        "x_canary_user",
        "x_forwarded_client_cert",
        "x_test_fault",
    ),
    *("authorization_", "_authorization", "x_request_id", "content_length_", "host_"),
)


def underscores() -> Iterator[Attempt]:
    """CGI and WSGI read `x_mcp_sub` as the verified `x-mcp-sub`."""
    for name in UNDERSCORED:
        yield Attempt(name, headers=((name, "admin"),))


PODS = (
    *("10.0.0.1:8080", "127.0.0.1:15000", "127.0.0.1:8080", "169.254.169.254:80", "0.0.0.0:8080", "[::1]:8080", "x"),
    *(
        "kubernetes.default.svc:443",
        "10.96.0.1:443",
        "1.2.3.4:8080",
        ":8080",
        "10.0.0.1",
        "10.0.0.1:99999",
        "10.0.0.1:0",
    ),
    *("255.255.255.255:8080", "localhost:8080", "10.0.0.1:8080,10.0.0.2:8080", "0x7f000001:8080", "2130706433:8080"),
)
IDS = (
    *("abc", "abc~v1", "abc~v1~", "~v1~10.0.0.1:8080", "abc~v3~10.0.0.1:8080", "abc~~10.0.0.1:8080", "~~", "~", "*"),
    *("abc~V1~10.0.0.1:8080", "abc~v1 ~10.0.0.1:8080", "abc~v1|v2~10.0.0.1:8080", "abc~.*~10.0.0.1:8080", "null", "0"),
    *(
        "abc~stable~10.0.0.1:8080",
        "../abc",
        "abc%7Ev1%7E10.0.0.1:8080",
        "abc~v1~10.0.0.1:8080~",
        "undefined",
        "' or 1=1",
    ),
)


def sessions() -> Iterator[Attempt]:
    """Ids that nobody gave out."""
    for number, pod in enumerate(PODS):
        version = ("v1", "v2")[number % 2]
        yield Attempt(f"{version} at {pod}", headers=(("mcp-session-id", f"abc~{version}~{pod}"),))
    for given in IDS:
        yield Attempt(given, headers=(("mcp-session-id", given),))
    two = (("mcp-session-id", "abc~v1~10.0.0.1:8080"), ("mcp-session-id", "abc"))
    yield Attempt("two ids", headers=two)
    yield Attempt("a stream of nobody's", method="GET", headers=(("mcp-session-id", "abc"),), body=b"")
    yield Attempt("an end of nobody's", method="DELETE", headers=(("mcp-session-id", "abc"),), body=b"")


def _base64(name: str) -> str:
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="


VERSIONS = (
    *(
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28",
        "2027-01-01",
        "1999-01-01",
        "DRAFT-2026-v1",
    ),
    *("latest", "0", "2026-07-28, 2025-03-26", " ", "x"),
)
SAID_METHODS = (
    "ping",
    "tools/list",
    "initialize",
    "resources/read",
    "TOOLS/CALL",
    "tools/call, ping",
    _base64("ping"),
    "x",
)
SAID_NAMES = (
    PUBLIC_TOOL,
    "list_orders",
    "",
    TOOL.upper(),
    f"{TOOL}, {PUBLIC_TOOL}",
    f"{PUBLIC_TOOL}, {TOOL}",
    _base64(TOOL),
    "x",
)
REWRITES = (
    *(
        ("x-original-url", "/health"),
        ("x-rewrite-url", "/health"),
        ("x-original-uri", "/health"),
        ("x-forwarded-path", "/"),
    ),
    *(("x-forwarded-prefix", "/x"), ("x-envoy-original-path", "/health"), ("x-forwarded-host", "localhost")),
    *(
        ("x-http-method-override", "GET"),
        ("x-mcp-sub", "admin"),
        ("x-mcp-tool", PUBLIC_TOOL),
        ("x-mcp-scope", "tools.execute"),
    ),
    *(("x-forwarded-for", "127.0.0.1"), ("x-envoy-internal", "true"), ("x-envoy-retry-on", "5xx"), ("x-debug", "true")),
    *(
        ("x-envoy-upstream-alt-stat-name", "x"),
        ("x-envoy-expected-rq-timeout-ms", "1"),
        ("expect", "x"),
        ("x-scope", "*"),
    ),
    *(
        ("x-forwarded-access-token", "x"),
        ("x-test-fault", "delay"),
        ("x-canary-user", "true"),
        ("prefer", "respond-async"),
    ),
)


def said_otherwise() -> Iterator[Attempt]:
    """A call of the guarded tool without its scope, and headers that call it something else."""
    for header, values in (
        ("mcp-protocol-version", VERSIONS),
        ("mcp-method", SAID_METHODS),
        ("mcp-name", SAID_NAMES),
    ):
        for value in values:
            yield Attempt(f"{header}: {value}", headers=((header, value),), token=without_the_tools_scope)
    for header, value in REWRITES:
        yield Attempt(f"{header}: {value}", headers=((header, value),), token=without_the_tools_scope)
    both = (("mcp-method", "tools/call"), ("mcp-name", PUBLIC_TOOL))
    yield Attempt("all of a public tool", headers=both, token=without_the_tools_scope)
    for first, second in ((TOOL, PUBLIC_TOOL), (PUBLIC_TOOL, TOOL)):
        twice = (("mcp-name", first), ("mcp-name", second))
        yield Attempt(f"mcp-name {first} and {second}", headers=twice, token=without_the_tools_scope)
    for left_out in ("mcp-protocol-version", "accept"):
        yield Attempt(f"without {left_out}", left_out=(left_out,), token=without_the_tools_scope)
    for query in ("name=whoami", "tool=whoami", "method=ping", "x=/health", "access_token=x", "debug=1"):
        yield Attempt(f"?{query}", target=f"/mcp?{query}", token=without_the_tools_scope)
