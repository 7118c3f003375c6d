"""Routes, versions, pools, balancing: where a request to an app goes, and what happens when pods are slow or full."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.access import CLAIMS, WORDS
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

UNSENT = ("connect-failure", "refused-stream")
REPEATING = ("reset", "reset-before-request", "gateway-error", "5xx", "unavailable", "retriable-4xx")

probed = duration("1s", "9h", "30s")
keepalive = spec(always(time=probed, interval=probed, probes=one(1, 3, 100)))

pool: Drawn = spec(
    always(connections=one(None, 1, 5000, MOST)),
    connect_timeout=duration("1ms", "1h", "0.25s"),
    open_streams=one(1, 1000, MOST),
    pending=one(1, 1024, MOST),
    requests_per_connection=st.none() | one(1, 10000, MOST),
    idle_timeout=st.none() | duration("1s", "168h", "10m"),
    keepalive=st.none() | keepalive,
    http2=truth,
)


_ejection = spec(
    always(max_ejected_percent=one(1, 50, 99), min_health_percent=one(None, 0, 30, 100)),
    interval=duration("100ms", "1h", "10s"),
    base_ejection=duration("1s", "24h", "30s"),
    split_local_errors=truth,
)


@st.composite
def outliers(draw: st.DrawFn) -> Values:
    return draw(_ejection) | draw(
        one(
            {},
            {"consecutive_gateway_errors": 1},
            {"consecutive_gateway_errors": MOST, "consecutive_5xx": 0},
            {"consecutive_gateway_errors": 0, "consecutive_5xx": MOST},
            {"consecutive_gateway_errors": 5, "consecutive_5xx": 0},
            {"consecutive_gateway_errors": 0, "consecutive_5xx": 7},
        )
    )


@st.composite
def retries(draw: st.DrawFn, *, mcp: bool, timeout: bool) -> Values:
    """`timeout`: the route has one of at least 30 s."""
    found: Values = draw(spec(attempts=one(0, 2, 10)))
    if not mcp and draw(truth):
        found |= {"idempotent": True, "conditions": draw(some(*UNSENT, *REPEATING, least=1))}
    else:
        found |= draw(spec(conditions=some(*UNSENT, least=1), idempotent=one(False)))
    if not mcp:
        found["per_try_timeout"] = draw(one(None, "1ms", "2s") if timeout else one(None, "1ms", "24h"))
    return found


@st.composite
def resilience(draw: st.DrawFn, *, mcp: bool) -> Values:
    return draw(
        spec(
            retries=retries(mcp=mcp, timeout=False),
            retry_budget=st.none() | spec(always(percent=one(0, 20, 100)), min_concurrency=one(0, 3, MOST)),
            pool=pool,
            outlier=st.none() | outliers(),
        )
    )


regions = one("us-central1", "europe-west1")
shares = one({"us-central1/*": 100}, {"us-central1/us-central1-a/*": 99, "europe-west1/*": 1})
locality: Drawn = st.one_of(
    spec(failover=st.just([{"from": "us-central1", "to": "europe-west1"}])),
    spec(distribute=shares.map(lambda to: [{"from": "us-central1/*", "to": to}])),
)

hashing: Drawn = st.one_of(
    spec(always(header=one("x-user"))),
    spec(always(cookie=one("route"), cookie_ttl=st.none() | duration("1s", "8760h"))),
    spec(always(source_ip=one(True))),
    spec(always(query=one("q")), source_ip=one(False)),
)


def load_balancing(*, outlier: bool) -> Drawn:
    return spec(
        algorithm=one("least_request", "round_robin", "random"),
        hash=st.none() | hashing,
        locality=(st.none() | locality) if outlier else st.none(),
        warmup=st.none() | duration("1s", "24h", "90s"),
    )


@st.composite
def version(draw: st.DrawFn, *, outlier: bool) -> Values:
    """`outlier`: the app takes pods out that fail."""
    own = draw(st.none() | outliers())
    found = spec(
        labels=one({}, {"rel": "b"}, {"rel": "b", "track": "x"}),
        pool=st.none() | pool,
        outlier=st.just(own),
        load_balancing=st.none() | load_balancing(outlier=outlier),
    )
    values: Values = draw(found)
    if values.get("outlier") and not outlier:
        values |= draw(spec(load_balancing=load_balancing(outlier=True)))
    return values


def _let_in(auth: Values, claim: str) -> list[str]:
    """Values of a claim with which some token is accepted."""
    asked = [issuer.get("claims", auth.get("claims", {})).get(claim, WORDS) for issuer in auth["issuers"]]
    return list(dict.fromkeys(value for values in asked for value in values))


_query = one("up", 'sum(rate(errors{version="$version"}[$window]))')
_guards: Drawn = spec(always(query=_query, at_most=one(0.5, 2)), at_least=one(None)) | spec(
    always(query=_query, at_least=one(0.5)), at_most=one(None, 2)
)


@st.composite
def steps(draw: st.DrawFn, longest: int, *, plain: bool) -> Values:
    """Shares that rise by `longest` at most. `plain`: the versions have the label by which they are compared."""
    percents = {1: [1, 2], 50: [1, 50, 100], 100: [100]}[longest]
    found = draw(spec(pause=duration("10s", "24h"), least_requests=one(1, 1_000_000), compare=st.just(plain)))
    own = draw(named(["tool-errors", "latency"], _guards, least=0 if plain else 1))
    return {"percents": percents, **found, **({"guards": own} if own else {}), **({} if plain else {"compare": False})}


@st.composite
def rollouts(
    draw: st.DrawFn, *, auth: Values | None, gateways: list[str], routes: bool, target: bool, plain: bool
) -> Values:
    """`target`: another app's route leads here, so Flagger cannot have the routes. `plain`: versions have the labels of
    their names."""
    free = not routes and not target
    by = draw(one("stack", "argo-rollouts", *(["flagger"] * 2 if free else ["stack"])))
    found: Values = {"stable": "v1", **({"managed_by": by} if by != "stack" or draw(truth) else {})}
    if by == "flagger":
        return found
    if by == "argo-rollouts" or draw(truth):
        percent = draw(one(0, 5, 50, 100))
        before = draw(one(None, 0, percent, 100))
        canary: Values = {"version": "v2", **draw(spec(percent=st.just(percent), max_step=one(1, 50, 100)))}
        if by == "stack" and draw(truth):
            canary["steps"] = draw(st.none() | steps(canary.get("max_step", 50), plain=plain))
        if before is not None and canary.get("steps") is None:
            canary["from_percent"] = before
            step = max(canary.get("percent", 5) - before, 1)
            canary["max_step"] = max(step, canary.get("max_step", 50))
        mark = spec(always(allowed=one("anyone", "callers")), value=one("true", "yes"))
        key = one({"header": "x-canary"}, {"cookie": "canary"})
        canary |= draw(spec(pin=st.none() | st.builds(lambda a, b: {**a, **b}, key, mark)))
        found["canary"] = canary
    share = spec(always(version=one("v1", "v2"), percent=one(1, 50, 100)))
    if auth is not None and draw(truth):
        decided = {"scp", *(issuer.get("audience_claim") for issuer in auth["issuers"])}
        name = draw(one(*(claim for claim in CLAIMS if claim not in decided)))
        accepted = _let_in(auth, name)
        claim = {"name": name, "values": draw(some(*accepted, least=1, most=2))}
        found.setdefault("experiments", {})["staff"] = {**draw(share), "claim": claim}
    if gateways and draw(truth):
        found.setdefault("experiments", {})["way"] = {**draw(share), "gateway": draw(one(*gateways))}
    return found


changes = spec(set_=named(["x-a", "x-b"], one("1", "%START_TIME%")), remove=some("x-c", "x-d"))
headers: Drawn = spec(request=changes, response=changes)


ends: Drawn = spec(open_sessions=one("keep", "end")) | spec(
    always(open_sessions=one("keep")), open_sessions_until=one("2027-12-31", "2028-01-31")
)
"""What becomes of the sessions of a version without a share."""


def _pins(key: str, allowed: str) -> Values:
    return {f"v{value}": {"pin": {key: "version", "value": value, "allowed": allowed}} for value in ("1", "2")}


pins_of_versions: Drawn = st.just({}) | st.builds(_pins, one("header", "cookie"), one("anyone", "callers"))

maintenance: Drawn = spec(
    body=one("", "Back soon."),
    content_type=one("text/plain", "application/json"),
    retry_after=one("1s", "1500ms", "168h"),
)

PATHS = ("/v1", "/v1/items", "/only", "/~x/y.z", "/$&'()+,=:@-_!", "/" + "p" * 60)


@st.composite
def routes_of(draw: st.DrawFn, targets: list[str], *, versions: bool, root: bool, longest: str) -> list[Values]:
    """`root`: whether a route may take every path; `longest`: how long a request may take."""
    found: list[Values] = []
    taken = draw(some(*PATHS, *(["/"] if root else []), most=3))
    for path in taken:
        kind = draw(one("exact", "prefix"))
        route: Values = {kind: path if kind == "exact" or path == "/" else f"{path}/"}
        methods = draw(one(["GET"], ["GET", "HEAD"], ["POST"], list(METHODS), ["PUT", "PATCH"], ["DELETE", "OPTIONS"]))
        route |= {} if methods == ["GET"] and draw(truth) else {"methods": methods}
        route |= draw(spec(auth=one("required", "none"), headers=headers))
        leads = draw(one("own", "respond", "redirect", *(["other"] if targets else [])))
        if leads == "redirect":
            away = spec(always(host=one("elsewhere.example.org")), path=st.none() | one("/", "/a/b.c"))
            here = spec(always(host=one(None), path=one("/a/b.d")))
            route["redirect"] = {
                **draw(away | here if kind == "exact" else away),
                **draw(spec(status=one(301, 302, 307, 308))),
            }
            found.append(route)
            continue
        if leads == "respond":
            route["respond"] = draw(
                spec(
                    always(status=one(200, 404, 503, 599)),
                    body=st.none() | one("here", ""),
                    content_type=one("text/plain; charset=utf-8", "application/json"),
                )
            )
            found.append(route)
            continue
        if leads == "other":
            route["to"] = {"app": draw(one(*targets))}
        elif versions and set(methods) <= {"GET", "HEAD"}:
            route["mirror"] = draw(spec(always(version=one("v2")), percent=one(0, 10, 100)))
        route |= draw(spec(rewrite=one("/inner") if kind == "exact" else one("/inner/", "/")))
        timeout = draw(one(None, "1ms", *({"1s": [], "600s": ["30s"], "24h": ["30s", "24h"]}[longest])))
        route |= {"timeout": timeout} if timeout else {}
        if timeout == "1ms":
            route["retries"] = {"attempts": 1}
        else:
            route["retries"] = draw(st.none() | retries(mcp=False, timeout=timeout is not None))
        found.append(route)
    return found
