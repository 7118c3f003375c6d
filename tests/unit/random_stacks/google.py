"""A cluster of Google's, its network and what belongs to them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.gateways import GATEWAY_POOL, GATEWAY_TAINT
from tests.unit.random_stacks.scalars import Drawn, Values, always, labels, named, one, some, spec, truth

REGION = "us-central1"
ZONES = tuple(f"{REGION}-{letter}" for letter in "abc")
KEY = "projects/acme-chatgpt/locations/us-central1/keyRings/r/cryptoKeys/k"
LOGS = ("WORKLOADS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER")
METRICS = (
    "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER", "STORAGE", "HPA", "POD", "DAEMONSET", "DEPLOYMENT", "STATEFULSET",
    "KUBELET", "CADVISOR",
)  # fmt: skip

nats: Drawn = st.one_of(
    spec(always(addresses=one(2, 64)), drain=one([0], [1]), log=one("errors", "all", "none")),
    spec(always(log=one("errors", "all", "none"), drain=st.just([0]))),
    spec(always(addresses=one(1)), min_ports=one(32, 64), max_ports=one(128, 65536)),
    spec(always(min_ports=one(32), max_ports=one(64))),
    spec(always(min_ports=one(32768), max_ports=one(65536))),
)

network: Drawn = spec(
    always(
        region=one(REGION),
        zones=some(*ZONES, least=1),
        nodes=one("10.0.0.0/18"),
        pods=one("10.64.0.0/10"),
        services=one("10.8.0.0/20", "10.8.0.0/27"),
        control_plane=one("172.16.0.0/28"),
    ),
    proxy_only=st.none() | one("10.9.0.0/23"),
    mtu=one(1300, 1460, 8896),
    routing=one("regional", "global"),
    flow_logs=one(None)
    | spec(
        always(interval=one("5s", "30s", "1m", "5m", "10m", "15m"), sampling=one(0.5, 1)),
        metadata=one("all", "none"),
    ),
    nat=nats,
    firewall=spec(logging=truth, explicit_allows=truth, shadow_rules=truth, istioctl_ports=truth),
    dns=st.none() | spec(always(zone=one("example-com", "z"), ttl=one(30, 300, 86400))),
)

upgrades: Drawn = st.one_of(
    spec(always(max_surge=one(1, 20), max_unavailable=one(0, 20)), strategy=one("surge")),
    spec(always(max_surge=one(0), max_unavailable=one(1))),
    spec(always(strategy=one("blue-green")), soak=one("1s", "168h")),
)


@st.composite
def pool(draw: st.DrawFn, zones: list[str], *, tainted: bool) -> Values:
    least = draw(one(0, 1))
    found: Values = {
        "machine_type": draw(one("e2-standard-4", "n2-standard-8")),
        "nodes": {"min": least, "max": draw(one(max(least, 1), 9))},
        **draw(
            spec(
                zones=some(*zones),
                max_pods_per_node=one(8, 64, 256),
                disk=spec(
                    type_=one("pd-balanced", "pd-ssd", "pd-standard", "hyperdisk-balanced"), size_gb=one(20, 100, 2000)
                ),
                spot=truth if tainted else one(False),
                labels=labels,
                image_streaming=truth,
                pods_limit_of_processes=one(1024, 4096, 4194304),
                upgrade=upgrades,
                drain=spec(respect_disruption_budgets=truth, budget_timeout=one("1h", "24h"), grace=one("15m", "24h")),
            )
        ),
    }
    if tainted:
        found["taints"] = draw(
            one(
                [GATEWAY_TAINT], [{**GATEWAY_TAINT, "effect": "NoSchedule"}], [{**GATEWAY_TAINT, "effect": "NoExecute"}]
            )
        )
        found["taints"] += draw(one([], [{"key": "k", "value": "v", "effect": "PreferNoSchedule"}]))
    if found.get("max_pods_per_node", 64) == 8 and not tainted:
        found["nodes"]["max"] = draw(one(found["nodes"]["max"], 15000))
        found.pop("upgrade", None)
    return found


hours = one("00:00", "03:00", "23:59")
exclusions: Drawn = st.one_of(
    spec(
        always(
            from_=one("2026-12-20"),
            until=one("2027-01-10"),
            scope=one("no-upgrades", "no-minor-upgrades", "no-minor-or-node-upgrades"),
        ),
    ),
    spec(always(from_=one("2026-11-01"), until=one("2027-04-30"))),
)

maintenance: Drawn = spec(
    window=spec(
        start=hours,
        duration=one("4h", "24h"),
        days=st.lists(one("mon", "tue", "wed", "thu", "fri", "sat", "sun"), min_size=3, max_size=7, unique=True),
    ),
    exclusions=named(["launch", "freeze"], exclusions, least=1),
    notify=truth,
)

access: Drawn = st.one_of(
    spec(dns=st.none() | spec(always(external=truth, service_account_tokens=truth)), login=one("plugin", "token")),
    spec(
        always(
            ip=spec(
                always(authorized=named(["office", "ci"], one("203.0.113.0/24"))), private=truth, global_access=truth
            )
        ),
        login=one("plugin", "token"),
    ),
)

hardening: Drawn = spec(
    secrets_key=st.none() | one(KEY),
    binary_authorization=truth,
    posture=one("basic", "off"),
    groups_domain=st.none() | one("example.com"),
    secret_manager=truth,
    fqdn_network_policies=truth,
    cluster_network_policies=truth,
    intranode_visibility=truth,
    fleet_project=st.none() | one("acme-fleet"),
)

backups: Drawn = spec(
    always(retain_days=one(1, 30, 180), include_secrets=truth, include_volumes=truth),
    schedule=one("15 2 * * *"),
    encryption_key=st.none() | one(KEY),
)


def _with_system(*names: str) -> Drawn:
    return one([], ["SYSTEM_COMPONENTS"]) | some(*names, least=1).map(lambda found: ["SYSTEM_COMPONENTS", *found])


@st.composite
def cluster(draw: st.DrawFn, zones: list[str], apps: list[str]) -> Values:
    identity: Values = draw(spec(repositories=named(["images"], one(REGION))))
    if apps and draw(truth):
        identity["apps"] = {
            draw(one(*apps)): draw(some("roles/run.invoker", "projects/acme-chatgpt/roles/custom.r", least=1))
        }
    return {
        "kind": "gke",
        "pools": {
            "apps": draw(pool(zones, tainted=False)),
            GATEWAY_POOL: draw(pool(zones, tainted=True)),
        },
        **draw(
            spec(
                name=one("chatgpt", "c", "c" * 40),
                mode=one("standard"),
                release_channel=one("rapid", "regular", "stable", "extended"),
                minimum_version=st.none() | one("1.34", "1.34.1-gke.100"),
                access=access,
                maintenance=maintenance,
                security=hardening,
                observability=spec(
                    always(logs=_with_system(*LOGS), metrics=_with_system(*METRICS)),
                    managed_prometheus=truth,
                    dataplane_metrics=truth,
                    dataplane_flows=truth,
                    cost_allocation=truth,
                ),
                backup=st.none() | backups,
                identity=st.just(identity),
                gateway_api=one("off", "gke"),
                labels=one({}, {"team": "mesh"}),
                deletion_protection=truth,
            )
        ),
    }
