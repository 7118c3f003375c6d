"""Tokens, callers, limits, origins, faults: who may do what with an app."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.scalars import METHODS, Drawn, Values, always, duration, named, one, some, spec, truth

KEYS = '{"keys": []}'
ISSUERS = (
    {"issuer": "https://auth-a.example.com", "jwks": KEYS},
    {"issuer": "https://auth-b.example.com/", "jwks_uri": "https://auth-b.example.com/jwks.json"},
    {"issuer": "https://auth-c.example.com/tenant", "jwks": KEYS, "forward_token": False},
    {"issuer": "https://auth-d.example.com", "jwks_uri": "https://auth-d.example.com/jwks", "forward_token": True},
)
"""A gateway verifies an issuer for all of its apps alike, so each is the same everywhere."""

CLAIMS = ("org", "https://acme.example/roles", "client_id", "scp")
WORDS = ("acme", "a.b", "c|d", "(x)", "w" * 200)


@st.composite
def auth(draw: st.DrawFn, era: str | None) -> Values:
    """`era`: that of the app's MCP endpoint, if it has one."""
    issuers = [
        {
            **issuer,
            **draw(
                spec(
                    audiences=some("api", "https://other.example.com/mcp", most=2),
                    authorization_server=st.none() | one("https://login.example.com"),
                )
            ),
        }
        for issuer in draw(st.lists(one(*ISSUERS), min_size=1, max_size=2, unique_by=lambda issuer: issuer["issuer"]))
    ]
    for issuer in issuers:
        if issuer.get("audiences"):
            issuer |= draw(spec(audience_claim=one("aud", "client_id", "azp", "cid", "appid")))
    found: Values = {
        "issuers": issuers,
        **draw(
            spec(
                scopes=some("use", "read", "chat.write:all"),
                scope_claim=one("scope", "scp", "either"),
                claims=named(CLAIMS, some(*WORDS, least=1, most=2)),
                deny_subjects=some("banned", "gone@example.com"),
                require_expiry=truth,
                subject_header=one("x-mcp-sub", "x-user"),
                resource_name=st.none() | one("Weather, for people"),
                resource_documentation=st.none() | one("https://docs.example.com/weather"),
                realm=st.none() | one("weather"),
            )
        ),
    }
    if era is not None:
        found |= draw(_tools(era))
    return found


@st.composite
def _tools(draw: st.DrawFn, era: str) -> Values:
    """Guarded tools and calls without a token, by a way to read them that the era has."""
    rule = spec(always(scope=one("tools.a", "tools.b")))
    tools = named(["execute_sql", "delete.row", "send-mail", "t" * 128], rule)
    if draw(truth):
        return draw(spec(tools=tools, tools_from=one("header"), anonymous=st.none())) if era != "legacy" else {}
    found: Values = {"tools_from": "body", **draw(spec(largest_call=one(1024, 65536, 1048576)))}
    if draw(truth):
        found["tools"] = draw(tools)
    if not found.get("tools") or draw(truth):
        found["anonymous"] = draw(spec(methods=some("tools/list", "$/x.y-z", least=1), tools=some("search", "s" * 128)))
    return found


origins = some("https://chatgpt.com", "http://localhost:1", "https://a.example.com:65535", "http://localhost")

cors: Drawn = spec(
    origins=origins,
    request_headers=some("x-request-id", "a"),
    response_headers=some("x-request-id", "b" * 100),
    credentials=truth,
    max_age=duration("1s", "24h", "600s"),
)


def well_known(*, tokens: bool) -> Drawn:
    pages = {
        "openai_apps_challenge": st.none() | one("abc_DEF-123", "%~" * 500),
        "robots": st.none() | one("disallow", "allow"),
        "security": st.none()
        | spec(
            always(contact=some("mailto:a@example.com", "tel:1", least=1), expires=one("2027-06-30")),
            policy=st.none() | one("https://example.com/p"),
        ),
    }
    return spec(**pages, authorization_server=truth if tokens else st.just(False))


def rate_limit(*, tokens: bool, service: bool) -> Drawn:
    per = one("subject", "app") if tokens else one("app")
    local = spec(
        always(requests=one(1, 30, 1000), per=per), every=one("1s", "90s", "24h"), counted=one("replica", "gateway")
    )
    exact = spec(
        always(requests=one(1, 999), per=per, counted=one("global")), every=one("1s", "60s", "3600s", "86400s")
    )
    return local | exact if service else local


delay = duration("1ms", "1h", "0.25s")

fault: Drawn = st.one_of(
    spec(always(value=one("slow", "v" * 200), delay=delay), header=one("x-test-fault"), percent=one(0, 12.5, 100)),
    spec(
        always(value=one("broken"), abort=one(400, 503, 599)),
        header=one("x-chaos"),
        delay=st.none() | delay,
        percent=one(0, 100),
    ),
)


@st.composite
def callers(draw: st.DrawFn, others: list[str], *, own_paths: bool) -> list[Values]:
    """Callers that are apps, and those of another team's namespace."""
    found: list[Values] = [{"app": other} for other in draw(some(*others))] if others else []
    if draw(truth):
        found.append({"service_account": "batch", "namespace": "jobs"})
    for caller in found:
        if not own_paths or draw(one(False, False, True)):
            caller["paths"] = draw(some("/mcp", "/deep/", "/x", "/", least=1))
        caller |= draw(spec(methods=some(*METHODS, least=1, most=3)))
    return found
