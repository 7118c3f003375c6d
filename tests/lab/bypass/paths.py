"""Paths, methods and hosts that nobody declared, with a token that may do everything."""

from __future__ import annotations

from tests.lab.bypass.attempt import HOST, Attempt

SPELLINGS = (
    *("/mcp/", "//mcp", "/mcp//", "///mcp", "/MCP", "/Mcp", "/mCP", "/mcP", "/mcp;", "/mcp;x", "/mcp;/x", "/;/mcp"),
    *("/mcp%2f", "/mcp%2F", "/mcp%2f..", "/mcp%2F..%2Fmcp", "/mcp%5c", "/mcp%5C..", "/mcp\\", "/\\mcp", "/mcp%00"),
    *("/mcp%00.json", "/mcp%20", "/mcp%09", "/mcp%0a", "/mcp%0d", "/mcp%0d%0a", "/mcp.", "/mcp..", "/mcp.json"),
    *("/mcp%252f", "/mcp%252e", "/%256dcp", "/mcp%3f", "/mcp%3fx", "/mcp%23", "/mcp%3b", "/mcp%3Bx", "/mcp%26"),
    *("/%2fmcp", "/%2Fmcp", "/x/..%2fmcp", "/x%2f..%2fmcp", "/x/..%5cmcp", "/..%2fmcp", "/.%2fmcp", "/mcp%2f."),
    *("/mcp/.", "/mcp/x", "/mcp/x/..", "/mcp/%2e", "/mcp/index.html", "/mcp/tools", "/mcp/tools/call", "/mcp/messages"),
    *("/mcp,x", "/mcp:x", "/mcp@", "/mcp=", "/mcp&x", "/mcp~", "/mcp!", "/mcp*", "/mcp'", "/mcp$", "/mcp+", "/mcp|"),
    *("/mcp^", "/mcp`", "/mcp%c0%af", "/mcp%c0%80", "/mcp%e2%80%8b", "/mcp%ef%bc%8f", "/%ef%bd%8d%ef%bd%83%ef%bd%90"),
    *("/mcp%ff", "/mcp%", "/mcp%g0", "/mcp%u002f", "/sse", "/messages", "/api/mcp", "/v1/mcp", "/mcp2", "/mcp-admin"),
    *("/index.php/mcp", "/mc%70/", "/mcp/%2e%2e/mcp/", "/api/v1/..;/mcp/", "/static/%2e%2e%2fmcp"),
)
OPERATORS = (
    *("/", "/metrics", "/metrics/", "/stats", "/stats/prometheus", "/healthz", "/healthz/ready", "/ready", "/livez"),
    *("/quitquitquit", "/config_dump", "/clusters", "/server_info", "/logging", "/listeners", "/certs", "/memory"),
    *("/debug/pprof/", "/debug/syncz", "/admin", "/actuator/env", "/actuator/prometheus", "/.env", "/.git/config"),
    *(
        "/server-status",
        "/openapi.json",
        "/docs",
        "/swagger.json",
        "/graphql",
        "/requests",
        "/calls",
        "/send",
        "/answer",
    ),
    *("/app-health/chatgpt-mcp/livez", "/api/v2/orders", "/api/v1/../../metrics", "/console", "/phpmyadmin"),
)
METHODS = (
    *("PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "LINK", "UNLINK", "PURGE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY"),
    *("MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "BIND", "ACL", "MERGE", "NOTIFY", "SUBSCRIBE", "M-SEARCH"),
    *("CHECKOUT", "MKCALENDAR", "SOURCE"),
)
OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-method")
SERVICE = "chatgpt-mcp.chatgpt-staging.svc.cluster.local"
HOSTS = (
    *("other.example.com", "internal.example.com", "chatgpt-api.example.com", f"evil.{HOST}", f"x{HOST}", f"{HOST}x"),
    *(f"{HOST}.evil.example", f"{HOST}.", f"{HOST}..", f"{HOST}.:443", f".{HOST}", "chatgpt-mcp", SERVICE),
    *(
        "chatgpt-mcp.chatgpt-staging",
        f"{SERVICE}:8080",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "169.254.169.254",
        "10.0.0.1",
    ),
    *("api.openai.com", "auth.example.com", "kubernetes.default.svc", "istiod.istio-system.svc", "*", "*.example.com"),
    *(f"a@{HOST}x", f"{HOST}@evil.example", f"{HOST}#.evil.example", f"{HOST}%00", f"{HOST}%2eevil.example"),
    *(f"{HOST}/mcp", f"evil.example, {HOST}", f"{HOST}, evil.example", "chatgpt-mcp.example.com_", "example.com"),
)


def spellings() -> tuple[Attempt, ...]:
    return tuple(Attempt(path, target=path) for path in SPELLINGS)


def operators() -> tuple[Attempt, ...]:
    posted = (Attempt(f"POST {path}", target=path) for path in OPERATORS)
    read = (Attempt(f"GET {path}", method="GET", target=path, body=b"") for path in OPERATORS)
    return (*posted, *read)


def methods() -> tuple[Attempt, ...]:
    overridden = tuple(
        Attempt(f"PUT, {name}: {method}", method="PUT", headers=((name, method),))
        for name in OVERRIDES
        for method in ("POST", "GET")
    )
    queried = tuple(
        Attempt(f"PUT ?{query}", method="PUT", target=f"/mcp?{query}")
        for query in ("_method=POST", "method=POST", "X-HTTP-Method=POST")
    )
    return (*(Attempt(method, method=method) for method in METHODS), *overridden, *queried)


def hosts() -> tuple[Attempt, ...]:
    return tuple(Attempt(host, headers=(("host", host),)) for host in HOSTS)
