"""The same stack on a cluster that other teams use: gateways and namespaces that are there, Istio of somebody else."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.scalars import MOST, Values, always, one, spec, truth

PLATFORM = "platform"
"""The namespace of gateways that somebody else runs."""

OF_THE_STACK = ("version", "repository", "charts", "platform", "network_policies", "data_plane", "injection")
"""Settings of `istio` that say something where somebody else has installed it."""


@st.composite
def _lent(draw: st.DrawFn, name: str, gateway: Values, *, counted: bool) -> Values:
    kept = {key: value for key, value in gateway.items() if key not in ("workload", "trusted_proxies")}
    there = spec(
        always(labels=one({"app": f"platform-{name}"})) if draw(truth) else {},
        service_account=st.none() | one(f"platform-{name}-edge"),
        address=st.none() | one("203.0.113.7", "edge.example.com"),
    )
    replicas = draw(one(1, MOST) if counted else st.none() | one(1, MOST))
    existing = {**draw(there), **({"replicas": replicas} if counted or draw(truth) else {})}
    return {**kept, "namespace": PLATFORM, "release": f"platform-{name}", "existing": existing}


@st.composite
def gateways(draw: st.DrawFn, declared: Values, apps: Values) -> Values:
    """Each with a release of its own, as no other team's gateway may be meant; some of them are there already."""
    limits = [limit for app in apps.values() for limit in (app.get("rate_limit"), *app.get("further_rate_limits", ()))]
    counted = any(limit and limit.get("counted", "gateway") == "gateway" for limit in limits)
    return {
        name: draw(_lent(name, gateway, counted=counted))
        if draw(one(False, False, True))
        else {**gateway, "release": gateway.get("release", f"ours-{name}")}
        for name, gateway in declared.items()
    }


def within_namespaces(found: Values) -> Values:
    """What stays of a stack that may touch nothing outside its own namespaces."""
    own = {app["namespace"] for app in found["apps"].values()}
    security = {**found["security"], "scope": "namespaces"}
    if "exceptions" in security:
        security["exceptions"] = [one for one in security["exceptions"] if one["namespace"] in own]
    egress = dict(found["egress"])
    if "allow" in egress:
        callers = [{**one, "from": [name for name in one["from"] if isinstance(name, str)]} for one in egress["allow"]]
        egress["allow"] = [one for one in callers if one["from"]]
    return {**found, "security": security, "egress": egress, "objects": []}


@st.composite
def shared(draw: st.DrawFn, found: Values) -> Values:
    """A declaration of a mesh, as one team's part of a cluster."""
    found = {**found, "gateways": draw(gateways(found["gateways"], found["apps"]))}
    if draw(truth):
        return within_namespaces(found)
    return {**found, "security": {**found["security"], "scope": "mesh"}}


@st.composite
def istio(draw: st.DrawFn, installed: Values) -> Values:
    """Istio that this stack installs or finds."""
    if draw(truth):
        return {**installed, "install": True}
    kept = {name: value for name, value in installed.items() if name in OF_THE_STACK}
    return {**kept, "install": False, **draw(spec(injection=st.none() | one("stable")))}
