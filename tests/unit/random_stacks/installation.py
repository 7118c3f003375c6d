"""Istio on the cluster, and a cluster that was there already."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.gateways import resources
from tests.unit.random_stacks.scalars import MOST, Drawn, Values, always, named, one, spec, truth

VERSION = "1.31.4"

existing: Drawn = spec(
    always(kind=one("existing")),
    kubeconfig=st.none() | one("~/.kube/config", "/etc/kubeconfig"),
    context=st.none() | one("kind-mesh"),
    identifier=st.none() | one("lab-1"),
)


@st.composite
def replicas(draw: st.DrawFn) -> Values:
    least = draw(one(1, 2, 3, MOST))
    bounds = {} if least == 2 else {"min": least}
    if least == MOST:
        return {**bounds, "max": MOST}
    return {**bounds, **draw(spec(max=one(5, 9)))}


control_plane: Drawn = spec(
    replicas=replicas() | one({"min": 1, "max": 1}),
    target_cpu_percent=one(10, 70, 95),
    resources=resources,
    priority_class=st.none() | one("system-cluster-critical"),
    jwks_refresh=st.none() | one("10s", "1m", "24h"),
    environment=named(["PILOT_DEBOUNCE_MAX", "PILOT_ENABLE_IP_AUTOALLOCATE"], one("1m", "true"), most=1),
)


@st.composite
def istio(draw: st.DrawFn, *, google: bool) -> Values:
    found: Values = {
        "version": VERSION,
        **draw(
            spec(
                repository=one("https://istio-release.storage.googleapis.com/charts"),
                charts=st.none() | one("/opt/charts"),
                images=spec(
                    hub=st.none() | one("registry.example.com/istio"),
                    tag=st.none() | one("1.31.4-distroless"),
                    pull_policy=st.none() | one("Always", "IfNotPresent", "Never"),
                ),
                control_plane=control_plane,
                data_plane=one("sidecar"),
                cni=one(True) if google else truth,
                platform=st.none() | one("gke"),
                multi_cluster=st.none() | spec(always(mesh=one("m"), cluster=one("east"), network=one("net-1"))),
                network_policies=truth,
                validation=st.none(),
                injection=st.none(),
            )
        ),
    }
    if draw(truth):
        revisions = draw(named(["1-31", "r" * 20], one("1.31.4", "1.31.0"), least=1))
        tags = draw(named(["prod", "stable"], one(*revisions)))
        found |= {"revisions": revisions, "injection": draw(one(*revisions, *tags)), **({"tags": tags} if tags else {})}
        found |= draw(spec(validation=one(None, *revisions)))
    return found
