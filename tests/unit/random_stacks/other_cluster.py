"""The other cluster of a mesh: which apps fail over to it, and what that takes of the rest of the stack."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.gateways import workload
from tests.unit.random_stacks.scalars import Values, always, one, some, spec, truth

ENCRYPTED = "[secret]"


def _may_fail_over(app: Values) -> bool:
    mcp = app.get("mcp") or {}
    sessions = app.get("mcp") is not None and not mcp.get("stateless", False) and mcp.get("era") != "modern"
    resilience = app.get("resilience", {})
    balancing = [
        app.get("load_balancing", {}),
        *(v.get("load_balancing") or {} for v in app.get("versions", {}).values()),
    ]
    return (
        app.get("service") is not None
        and not sessions
        and (app.get("rollout") or {}).get("managed_by") != "flagger"
        and resilience.get("outlier", {}) is not None
        and all(one.get("locality") is None for one in balancing)
    )


@st.composite
def _multi_cluster(draw: st.DrawFn, *, google: bool) -> Values:
    names = {"mesh": one("m"), "cluster": one("east"), "network": one("net-1")}
    authority = {"cert": one(ENCRYPTED), "key": one(ENCRYPTED), "root": one(ENCRYPTED)}
    ca = spec(always(**authority), chain=st.none() | one(ENCRYPTED))
    peer = spec(always(stack=one("acme/chatgpt-mesh/west")), outputs=st.none() | one("outputs-of-west.json"))
    found = draw(spec(always(**names, ca=ca, peer=peer), gateway=workload("internal", google=google)))
    return found if google else {**found, "api_server": draw(one("https://10.0.0.2:6443", "https://api.example.com"))}


@st.composite
def joined(draw: st.DrawFn, found: Values, *, google: bool) -> Values:
    """The stack, and now and then the other cluster of its mesh."""
    able = [name for name, app in found["apps"].items() if _may_fail_over(app)]
    if not able or not found["istio"].get("install", True) or draw(truth):
        return found
    chosen = draw(some(*able, least=1))
    apps = {
        name: {**app, "cluster_failover": True}
        if name in chosen
        else {**app, **draw(spec(cluster_failover=one(False)))}
        for name, app in found["apps"].items()
    }
    istio = {**found["istio"], "multi_cluster": draw(_multi_cluster(google=google))}
    if not google:
        return {**found, "apps": apps, "istio": istio}
    access = {**found["cluster"].get("access", {}), "dns": {"service_account_tokens": True}}
    access.pop("ip", None)
    return {**found, "apps": apps, "istio": istio, "cluster": {**found["cluster"], "access": access}}
