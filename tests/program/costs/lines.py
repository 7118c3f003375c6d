"""The lines of the bill: what each counts, what it is multiplied by, and the settings that move it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.program.costs import counts
from tests.program.costs.counts import Resource

CHART = "kubernetes:helm.sh/v4:Chart"
CLUSTER = "gcp:container/cluster:Cluster"
POOL = "gcp:container/nodePool:NodePool"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
FIREWALL = "gcp:compute/firewall:Firewall"
NAT = "gcp:compute/routerNat:RouterNat"
ADDRESS = "gcp:compute/address:Address"
BACKUP = "gcp:gkebackup/backupPlan:BackupPlan"
REDIS = "gcp:redis/instance:Instance"
RECORD = "gcp:dns/recordSet:RecordSet"
TOPIC = "gcp:pubsub/topic:Topic"

WITHOUT_A_PRICE = {
    "gcp:compute/network:Network",
    "gcp:compute/router:Router",
    "gcp:dns/dnsManagedZoneIamMember:DnsManagedZoneIamMember",
    "gcp:projects/iAMMember:IAMMember",
    "gcp:projects/service:Service",
    "gcp:serviceaccount/account:Account",
}
"""Resources that are on no bill; what passes through a network or a router is a line of its own."""

PRICES = {
    "GKE": "https://cloud.google.com/kubernetes-engine/pricing",
    "machines": "https://cloud.google.com/compute/all-pricing",
    "disks": "https://cloud.google.com/compute/disks-image-pricing",
    "network": "https://cloud.google.com/vpc/network-pricing",
    "Cloud NAT": "https://cloud.google.com/nat/pricing",
    "observability": "https://cloud.google.com/stackdriver/pricing",
    "Cloud DNS": "https://cloud.google.com/dns/pricing",
    "Pub/Sub": "https://cloud.google.com/pubsub/pricing",
    "Memorystore": "https://cloud.google.com/memorystore/docs/redis/pricing",
    "Cloud KMS": "https://cloud.google.com/kms/pricing",
}
"""Google's pages of prices; this repository has none of its own, for they differ by region, contract and month."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill."""

    what: str
    price: str
    """A key of PRICES."""
    reads: tuple[str, ...]
    """Types of resources that are counted."""
    counted: Callable[[Sequence[Resource]], str]
    """What a stack has of it; an empty text where it has none."""
    times: str
    """What the bill multiplies."""
    moved_by: tuple[str, ...] = field(default=())
    """Settings, below `chatgpt-mesh:`; NAME stands for a name that a stack file gives."""

    def of(self, resources: Sequence[Resource]) -> str:
        return self.counted([one for one in resources if one["type"] in self.reads]) or "none"


def _of_each_pool(name: str) -> tuple[Line, ...]:
    pool = f"cluster.pools.{name}"
    return (
        Line(
            f"Nodes of the pool {name}",
            "machines",
            (POOL,),
            counts.of_pool(name, counts.nodes),
            "nodes * hours * price of the machine type",
            (f"{pool}.nodes.min", f"{pool}.nodes.max", f"{pool}.machine_type", f"{pool}.spot"),
        ),
        Line(
            f"Boot disks of {name}",
            "disks",
            (POOL,),
            counts.of_pool(name, counts.boot_disks),
            "nodes * GB * months",
            (f"{pool}.disk.type", f"{pool}.disk.size_gb"),
        ),
        Line(
            f"While {name} is upgraded",
            "machines",
            (POOL,),
            counts.of_pool(name, counts.during_upgrades),
            "further nodes * hours that the upgrade takes",
            (f"{pool}.upgrade.strategy", f"{pool}.upgrade.max_surge", f"{pool}.upgrade.soak", f"{pool}.drain.grace"),
        ),
    )


_NETWORK = (
    Line(
        "Load balancers",
        "network",
        (CHART,),
        counts.gateways,
        "forwarding rules (one for each) * hours + GB processed",
        ("gateways.NAME.kind",),
    ),
    Line(
        "Addresses",
        "network",
        (ADDRESS,),
        counts.addresses,
        "addresses * hours; the price is by what an address is attached to",
        ("network.nat.addresses", "gateways.NAME.kind"),
    ),
    Line(
        "Cloud NAT",
        "Cloud NAT",
        (NAT,),
        counts.nat_gateways,
        "nodes that use it * hours, up to a cap + GB both ways",
        ("network.nat.addresses", "cluster.pools.NAME.nodes.max", "egress.allow"),
    ),
    Line(
        "Traffic between zones and out",
        "network",
        (CLUSTER,),
        counts.zones,
        "GB, by where they go",
        ("network.zones", "apps.NAME.load_balancing.locality"),
    ),
    Line(
        "Names",
        "Cloud DNS",
        (RECORD,),
        counts.records,
        "zones * months + queries",
        ("network.dns.zone", "network.dns.ttl"),
    ),
)

_OBSERVED = (
    Line(
        "Flow logs",
        "network",
        (SUBNETWORK,),
        counts.flow_logs,
        "GB of logs, which fall with sampling and with longer intervals",
        ("network.flow_logs.sampling", "network.flow_logs.interval", "network.flow_logs.metadata"),
    ),
    Line(
        "Logs of firewall rules",
        "network",
        (FIREWALL,),
        counts.firewall_logs,
        "connections * size of an entry",
        ("network.firewall.logging", "network.firewall.shadow_rules", "network.firewall.explicit_allows"),
    ),
    Line(
        "Logs of Cloud NAT", "network", (NAT,), counts.nat_logs, "connections * size of an entry", ("network.nat.log",)
    ),
    Line(
        "Logs of the cluster",
        "observability",
        (CLUSTER,),
        counts.logs,
        "GB taken in + GB kept for longer; the proxies' access log is in `WORKLOADS`",
        ("cluster.observability.logs", "telemetry.access_log.log"),
    ),
    Line(
        "Metrics",
        "observability",
        (CLUSTER,),
        counts.metrics,
        "samples taken in = series * samples a minute * minutes",
        (
            "cluster.observability.metrics",
            "cluster.observability.managed_prometheus",
            "cluster.observability.dataplane_metrics",
            "cluster.observability.dataplane_flows",
            "telemetry.metrics.tags",
        ),
    ),
)

_KEPT = (
    Line(
        "Backups",
        "GKE",
        (BACKUP,),
        counts.backups,
        "pods backed up * months + GB stored",
        ("cluster.backup.schedule", "cluster.backup.retain_days", "cluster.backup.include_volumes"),
    ),
    Line(
        "Disks of Prometheus and Grafana",
        "disks",
        (CHART,),
        counts.volumes,
        "GB * months",
        ("observability.prometheus.storage", "observability.grafana.install.storage"),
    ),
    Line(
        "Redis of the rate limit service",
        "Memorystore",
        (REDIS,),
        counts.redis,
        "GB * hours, by tier",
        ("rate_limit_service.deployment.memorystore.memory_gb", "rate_limit_service.deployment.memorystore.tier"),
    ),
    Line(
        "Keys",
        "Cloud KMS",
        (CLUSTER, BACKUP),
        counts.keys,
        "versions of keys * months + operations",
        ("cluster.security.secrets_key", "cluster.backup.encryption_key"),
    ),
    Line(
        "News of upgrades",
        "Pub/Sub",
        (TOPIC,),
        lambda found: f"{len(found)} topic" if found else "",
        "GB of messages, which are few",
        ("cluster.maintenance.notify",),
    ),
)


def lines(stacks: Mapping[str, Sequence[Resource]]) -> list[Line]:
    """Every line of the bill of these stacks, with those of each pool that one of them has."""
    pools = sorted({one["name"] for found in stacks.values() for one in found if one["type"] == POOL}, reverse=True)
    fee = Line(
        "Control plane",
        "GKE",
        (CLUSTER,),
        counts.clusters,
        "clusters * hours; an old version on the channel `extended` costs more",
        ("cluster.release_channel",),
    )
    return [fee, *(line for name in pools for line in _of_each_pool(name)), *_NETWORK, *_OBSERVED, *_KEPT]
