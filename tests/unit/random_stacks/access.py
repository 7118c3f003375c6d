"""Tokens, callers, limits, origins, faults: who may do what with an app."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.surroundings import KEY_SET
from tests.unit.random_stacks.scalars import (
    METHODS,
    MOST,
    Drawn,
    Values,
    always,
    duration,
    named,
    one,
    some,
    spec,
    truth,
)

ON_A_CURVE = """{"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
 "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"""
"""RFC 7517, appendix A.1."""
ISSUERS = (
    {"issuer": "https://auth-a.example.com", "jwks": ON_A_CURVE},
    {"issuer": "https://auth-b.example.com/", "jwks_uri": "https://auth-b.example.com/jwks.json"},
    {"issuer": "https://auth-c.example.com/tenant", "jwks": KEY_SET, "forward_token": False},
    {"issuer": "https://auth-d.example.com", "jwks_uri": "https://auth-d.example.com/jwks", "forward_token": True},
)
"""A gateway verifies an issuer for all of its apps alike, so each is the same everywhere."""

CLAIMS = ("org", "https://acme.example/roles", "client_id", "scp")
WORDS = ("acme", "a.b", "c|d", "(x)", "w" * 200)


_OF_ITS_OWN: Drawn = st.just({}) | spec(
    scopes=some("use", "write"),
    scope_claim=one("scope", "scp", "either"),
    claims=named(CLAIMS, some(*WORDS, least=1, most=2)),
)
"""What the tokens of one issuer need instead of what those of all do."""


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
    for issuer in issuers:
        issuer |= draw(_OF_ITS_OWN)
        if issuer.get("scopes", found.get("scopes")) or found.get("tools"):
            issuer |= draw(spec(scope_prefix=one("api://weather/", "https://example.com/mcp/")))
    return found


@st.composite
def _tools(draw: st.DrawFn, era: str) -> Values:
    """Guarded tools and calls without a token, by a way to read them that the era has."""
    rule = spec(always(scope=one("tools.a", "tools.b")))
    tools = named(["execute_sql", "delete.row", "send-mail", "t" * 128], rule)
    if draw(truth):
        return draw(spec(always(tools_from=one("header")), tools=tools, anonymous=st.none())) if era != "legacy" else {}
    found: Values = {**draw(spec(tools_from=one("body"), largest_call=one(1024, 65536, 1048576)))}
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


@st.composite
def rate_limit(draw: st.DrawFn, *, tokens: bool, service: bool, era: str | None, addresses: bool) -> Values:
    """`tokens`: the app asks for them; `service`: there is a rate limit service; `addresses`: its gateways see those of
    clients."""
    per = draw(one(*(["subject"] if tokens else []), *(["address"] if addresses else []), "app"))
    found: Values = {"per": per}
    if service and draw(truth):
        found |= {"requests": draw(one(1, 999, MOST)), "counted": "global"}
        found |= draw(spec(every=one("1s", "60s", "3600s", "86400s")))
    else:
        found |= {"requests": draw(one(1, 30, 1000, MOST))}
        found |= draw(spec(every=one("50ms", "90s", "24h"), counted=one("replica", "gateway")))
    if per == "subject" and draw(truth):
        numbers = draw(named([*WORDS, "pro"], one(1, MOST), least=1)) or {"pro": 5000}
        found["tiers"] = {"claim": draw(one(*CLAIMS)), "requests": numbers}
    if era in ("modern", "both"):
        found |= draw(spec(tools=named(["execute_sql", "delete.row"], one(1, MOST))))
    return found


def limits(*, tokens: bool, service: bool, era: str | None, addresses: bool) -> Drawn:
    drawn = rate_limit(tokens=tokens, service=service, era=era, addresses=addresses)
    return spec(rate_limit=drawn, further_rate_limits=st.lists(drawn, max_size=1))


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


_headers = some("cookie", "x-mcp-sub", "x-request-id")
_http = spec(
    path_prefix=st.none() | one("/check"),
    include_request_headers_in_check=_headers,
    include_additional_headers_in_check=named(["x-asked-by"], one("weather", "a b")),
    headers_to_upstream_on_allow=_headers,
    headers_to_downstream_on_deny=_headers,
    headers_to_downstream_on_allow=_headers,
)
_authorizer = spec(
    timeout=one("1ms", "1s", "60s"),
    fail_open=truth,
    status_on_error=one(401, 403, 429, 500, 502, 503, 504),
    include_request_body_in_check=st.none() | spec(max_request_bytes=one(1, 1048576), allow_partial_message=truth),
)


@st.composite
def authorizers(draw: st.DrawFn, apps: Values) -> Values:
    """Authorizers, of which apps with a service ask one."""
    grpc = {
        "grpc": {},
        "service": "opa.policy.svc.cluster.local",
        "port": draw(one(1, 9191, 65535)),
        **draw(_authorizer),
    }
    if (body := grpc.get("include_request_body_in_check")) is not None:
        body |= draw(spec(pack_as_bytes=truth))
    http = {"http": draw(_http), "service": "door.doors.svc.cluster.local", "port": 8080, **draw(_authorizer)}
    for app in apps.values():
        if "service" in app and draw(one(False, False, True)):
            paths = [path for path in [app.get("mcp", {}).get("path", "/mcp")] if "mcp" in app and path != "/"]
            app["external_authorization"] = {"authorizer": draw(one("opa", "door"))}
            if paths and not app.get("routes") and not app.get("callers") and draw(truth):
                app["external_authorization"]["paths"] = paths
    return {"authorizers": {"opa": grpc, "door": http}} if apps else {}
