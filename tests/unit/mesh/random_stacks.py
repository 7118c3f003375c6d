"""Random declarations without mistakes, for tests that hold for every stack."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

GATEWAYS = {
    "public": {"kind": "public", "listeners": {"https": {"hosts": ["*.example.com"], "tls": {"secret": "edge"}}}},
    "internal": {
        "kind": "internal",
        "listeners": {"https": {"hosts": ["*.example.org"], "tls": {"secret": "in", "client_certificates": {}}}},
    },
    "out": {"kind": "egress"},
}

ISSUERS = [{"issuer": f"https://auth-{name}.example.com", "jwks": '{"keys": []}'} for name in ("a", "b", "c")]
METHODS = st.lists(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]), min_size=1, max_size=3, unique=True)
SEGMENT = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


@st.composite
def auths(draw: st.DrawFn, era: str | None) -> dict[str, Any]:
    issuers: list[dict[str, Any]] = [
        dict(issuer) for issuer in draw(st.lists(st.sampled_from(ISSUERS), min_size=1, max_size=2, unique_by=str))
    ]
    for issuer in issuers:
        issuer["audiences"] = draw(
            st.lists(st.sampled_from(["api", "https://other.example.com/mcp"]), max_size=2, unique=True)
        )
    scopes = st.lists(st.sampled_from(["use", "read", "write"]), max_size=3, unique=True)
    auth: dict[str, Any] = {
        "issuers": issuers,
        "scopes": draw(scopes),
        "deny_subjects": draw(st.lists(st.sampled_from(["banned", "gone"]), unique=True)),
        "require_expiry": draw(st.booleans()),
    }
    if era in ("modern", "both"):
        tools = draw(st.lists(st.sampled_from(["execute_sql", "delete.row", "send-mail"]), unique=True))
        auth["tools"] = {tool: {"scope": draw(st.sampled_from(["tools.a", "tools.b"]))} for tool in tools}
    return auth


@st.composite
def rollouts(draw: st.DrawFn, *, claims: bool, gateways: list[str], routes: bool) -> dict[str, Any]:
    managed_by = draw(st.sampled_from(["stack", "stack", "argo-rollouts"] + ([] if routes else ["flagger"])))
    rollout: dict[str, Any] = {"stable": "v1", "managed_by": managed_by}
    if managed_by == "flagger":
        return rollout
    if managed_by == "argo-rollouts" or draw(st.booleans()):
        percent = draw(st.integers(0, 100))
        pin = draw(
            st.none()
            | st.fixed_dictionaries({"header": st.just("x-canary"), "allowed": st.sampled_from(["anyone", "callers"])})
            | st.fixed_dictionaries({"cookie": st.just("canary"), "allowed": st.sampled_from(["anyone", "callers"])})
        )
        rollout["canary"] = {"version": "v2", "percent": percent, **({"pin": pin} if pin else {})}
    share = st.integers(1, 100)
    if claims and draw(st.booleans()):
        values = draw(st.lists(st.sampled_from(["acme", "a.b", "c|d"]), min_size=1, unique=True))
        audience = {"claim": {"name": draw(st.sampled_from(["org", "https://acme/x"])), "values": values}}
        rollout.setdefault("experiments", {})["staff"] = {"version": "v2", "percent": draw(share), **audience}
    if gateways and draw(st.booleans()):
        rollout.setdefault("experiments", {})["vpc"] = {
            "version": "v2",
            "percent": draw(share),
            "gateway": gateways[-1],
        }
    return rollout


@st.composite
def routes_of(draw: st.DrawFn, targets: list[str], *, versions: bool) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = []
    for segment in draw(st.lists(SEGMENT.filter(lambda s: s != "mcp"), max_size=3, unique=True)):
        route: dict[str, Any] = {"methods": draw(METHODS), "auth": draw(st.sampled_from(["required", "none"]))}
        kind = draw(st.sampled_from(["exact", "prefix"]))
        route[kind] = f"/{segment}" if kind == "exact" else f"/{segment}/"
        if draw(st.booleans()):
            route["rewrite"] = "/inner" if kind == "exact" else "/inner/"
        where = draw(st.sampled_from(["own", "respond", "other"]))
        if where == "respond":
            route |= {"respond": {"status": draw(st.integers(200, 599)), "body": "here"}, "rewrite": None}
        elif where == "other" and targets:
            route["to"] = {"app": draw(st.sampled_from(targets))}
        elif versions and set(route["methods"]) <= {"GET", "HEAD"}:
            route["mirror"] = {"version": "v2", "percent": draw(st.integers(1, 100))}
        if where != "respond" and draw(st.booleans()):
            route["timeout"] = "30s"
        routes.append(route)
    return routes


@st.composite
def apps(draw: st.DrawFn, index: int, count: int) -> dict[str, Any]:
    namespace = draw(st.sampled_from(["team-a", "team-b"]))
    app: dict[str, Any] = {"namespace": namespace, "service": {"port": draw(st.integers(1, 65535))}}
    others = [f"app-{other}" for other in range(count) if other != index]
    reachable = draw(st.booleans())
    era = draw(st.sampled_from(["legacy", "modern", "both", None]))
    gateways: list[str] = []
    if reachable:
        app |= {"host": f"app-{index}.example.com", "gateway": "public"}
        gateways.append("public")
        if draw(st.booleans()):
            app["further_hosts"] = [{"host": f"app-{index}.example.org", "gateway": "internal"}]
            gateways.append("internal")
    if era is not None:
        app["mcp"] = {"era": era}
    versions = draw(st.booleans())
    app["routes"] = draw(routes_of(others, versions=versions)) if era is not None or reachable else []
    if reachable and era is None and not app["routes"]:
        app["routes"] = [{"exact": "/only"}]
    if reachable:
        if draw(st.booleans()):
            app["auth"] = draw(auths(era))
            app["rate_limit"] = draw(
                st.none()
                | st.fixed_dictionaries(
                    {"requests": st.integers(1, 999), "counted": st.sampled_from(["replica", "gateway", "global"])}
                )
            )
        elif era is not None:
            app["open"] = True
    app["cors"] = {
        "origins": draw(st.lists(st.sampled_from(["https://chatgpt.com", "http://localhost:1"]), unique=True))
    }
    if versions:
        app["versions"] = {
            "v1": {},
            "v2": draw(st.sampled_from([{}, {"pool": {"connections": 9}}, {"labels": {"rel": "b"}}])),
        }
        claims = "auth" in app
        app["rollout"] = draw(rollouts(claims=claims, gateways=gateways, routes=bool(app["routes"])))
    if draw(st.booleans()):
        app["faults"] = [{"value": "slow", "delay": "1s"}]
    callers: list[dict[str, Any]] = (
        [{"app": other} for other in draw(st.lists(st.sampled_from(others), unique=True))] if others else []
    )
    callers += draw(st.sampled_from([[], [{"service_account": "batch", "namespace": "jobs"}]]))
    for caller in callers:
        if draw(st.booleans()) or (
            era is None and not any("respond" not in r and "to" not in r for r in app["routes"])
        ):
            caller["paths"] = draw(st.lists(st.sampled_from(["/mcp", "/deep/", "/x"]), min_size=1, unique=True))
    app["callers"] = callers
    return app


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """A declaration as a stack file would have it."""
    count = draw(st.integers(1, 4))
    return {
        "gateways": GATEWAYS,
        "apps": {f"app-{index}": draw(apps(index, count)) for index in range(count)},
        "rate_limit_service": {},
        "faults_allowed": True,
        "trust_domain": draw(st.sampled_from(["cluster.local", "acme.example"])),
    }
