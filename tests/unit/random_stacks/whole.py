"""Whole stacks, and the part of one that becomes Istio objects."""

from __future__ import annotations

from hypothesis import strategies as st

from chatgpt_mesh.mesh.specs.gateways import RELEASES
from tests.unit.random_stacks import (
    access,
    certificates,
    google,
    installation,
    mesh_wide,
    other_cluster,
    recording,
    shared,
)
from tests.unit.random_stacks.apps import Plan, apps, plans
from tests.unit.random_stacks.gateways import gateways, resources
from tests.unit.random_stacks.scalars import (
    MEMORY,
    MOST,
    PROCESSORS,
    Drawn,
    Values,
    always,
    duration,
    named,
    one,
    port,
    some,
    spec,
    truth,
)


def _within_the_limit(drawn: Values) -> bool:
    """Half a gigabyte is above the service's default limit, and fits under one that is drawn with it."""
    return "memory_limit" in drawn or drawn["memory"] != "512Mi"


def _limits_deployment(*, google: bool) -> Drawn:
    """Where this stack runs the rate limit service."""
    settings: dict[str, Drawn] = {
        "image": one("docker.io/envoyproxy/ratelimit:3fb70258", "registry.example.com/limits@sha256:" + "0" * 64),
        "replicas": one(1, 2, 20),
        "resources": resources.filter(_within_the_limit),
    }
    encrypted = spec(
        always(host=one("10.1.2.3", "redis.data.svc.cluster.local")),
        port=port,
        tls=one(True),
        password_secret=st.none() | one("redis-password"),
        ca_secret=st.none() | one("redis-ca"),
    )
    plain = spec(always(host=one("redis"), tls=one(False)), ca_secret=st.none())
    found = spec(always(redis=encrypted | plain), **settings, memorystore=st.none())
    if not google:
        return found
    memorystore = spec(
        tier=one("standard_ha", "basic"),
        memory_gb=one(1, 300),
        version=one("redis_7_2", "redis_7_0", "redis_6_x"),
        range=st.none() | one("192.168.77.0/29"),
    )
    return found | spec(always(memorystore=memorystore), **settings, redis=st.none())


_DEPLOYMENTS = {google: st.none() | _limits_deployment(google=google) for google in (False, True)}

limits_service: Drawn = spec(
    namespace=one("ratelimit", "limits"),
    service=one("ratelimit", "rl"),
    port=port,
    labels=one({"app": "ratelimit"}, {"app": "rl", "tier": "x"}),
    timeout=duration("1ms", "10s", "0.25s"),
    deny_when_down=truth,
)

namespace: Drawn = spec(
    existing=truth,
    quota=st.none()
    | spec(
        always(pods=one(None, 1, MOST), cpu=one(None, None, *PROCESSORS), memory=one(None, None, *MEMORY)),
        load_balancers=one(0, MOST),
        node_ports=one(0, MOST),
    ),
    editors=some("team-a@example.com", "admins@example.com"),
    viewers=some("everybody@example.com"),
)


@st.composite
def _of_plan(draw: st.DrawFn, plan: Plan, *, is_google: bool) -> Values:
    found: Values = {}
    served = draw(gateways(plan.service_ports(), google=is_google))
    limits = draw(truth)
    found["gateways"] = served
    found |= draw(certificates.issuers(served))
    if limits:
        found["rate_limit_service"] = draw(limits_service) | draw(spec(deployment=_DEPLOYMENTS[is_google]))
    faults = draw(truth)
    if faults or draw(truth):
        found["faults_allowed"] = faults
    found["apps"] = draw(apps(plan, served, limits=limits, faults=faults))
    found |= draw(spec(trust_domain=one("cluster.local", "acme.example"), objects=mesh_wide.objects))
    found["security"] = draw(mesh_wide.security(found["apps"]))
    found["egress"] = draw(mesh_wide.egress(found["apps"], served))
    found["telemetry"] = draw(recording.telemetry(found["apps"]))
    return found


@st.composite
def meshes(draw: st.DrawFn, most: int = 4) -> Values:
    """A declaration of a mesh, with up to `most` apps."""
    return draw(_of_plan(draw(plans(most)), is_google=False))


@st.composite
def stacks(draw: st.DrawFn, most: int = 4, *, alone: bool = False) -> Values:
    """Everything that a stack file may say, with up to `most` apps. `alone`: there is no other cluster."""
    plan = draw(plans(most))
    is_google = draw(truth)
    found = draw(_of_plan(plan, is_google=is_google))
    if is_google:
        network = draw(google.network)
        found |= {
            "project": "acme-chatgpt",
            "project_number": draw(one("123456", "9" * 20)),
            "network": network,
            "cluster": draw(google.cluster(network["zones"], plan.names)),
        }
    else:
        found["cluster"] = draw(installation.existing)
    found["istio"] = draw(installation.istio(google=is_google))
    if not is_google and draw(truth):
        found = {**draw(shared.shared(found)), "istio": draw(shared.istio(found["istio"]))}
    if not alone:
        found = draw(other_cluster.joined(found, google=is_google))
    found |= draw(access.authorizers(found["apps"]))
    found |= draw(certificates.cert_manager(found))
    homes = sorted(set(plan.namespace.values()))
    if homes and draw(truth):
        found["namespaces"] = draw(named(homes, namespace))
    found |= draw(spec(observability=recording.observability))
    accepted = [_accepted(name, gateway) for name, gateway in found["gateways"].items() if _is_kept_from_tls13(gateway)]
    if draw(truth):
        found["accept"] = accepted
    return draw(recording.watched(found))


def _is_kept_from_tls13(gateway: Values) -> bool:
    return any(
        listener.get("tls", {}).get("max_version") == "1.2" for listener in gateway.get("listeners", {}).values()
    )


def _accepted(name: str, gateway: Values) -> Values:
    """The way out for what a person has decided, as the checker words it."""
    home = gateway.get("namespace") or RELEASES[gateway["kind"]][1]
    why = "clients of a partner that speak TLS 1.2 alone"
    return {"code": "MCP406", "object": f"Gateway/{home}/{name}", "until": "2027-06-30", "why": why}
