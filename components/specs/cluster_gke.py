"""A GKE cluster that the stack makes. Every default is the hardened one; what weakens it is a line in the stack
file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from chatgpt_mesh.components.specs.node_pools import NodePoolSpec
from chatgpt_mesh.mesh.specs.google_names import Cron, Domain, GoogleLabels, KmsKey, ProjectId, Region, Role
from chatgpt_mesh.mesh.specs.spec import Cidr, Date, DnsLabel, Duration, Many, Spec

PoolName = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]{0,29}[a-z0-9])?$")]


class DnsEndpointSpec(Spec):
    """The control plane by a name that Google serves: access is IAM's, there is no address to allow and no bastion.

    https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation#dns-based-endpoint
    """

    external: bool = True
    """Reachable from outside Google Cloud, for CI and people; IAM (`container.clusters.connect`) still decides."""
    service_account_tokens: bool = False
    """Takes tokens of Kubernetes service accounts too, which are no IAM identities. Without it they get 401."""


class IpEndpointSpec(Spec):
    """The control plane by address, for networks that cannot use the DNS endpoint."""

    authorized: dict[DnsLabel, Cidr]
    """Networks that may connect, by a name that says whose they are. An empty mapping lets no outside network in."""
    private: bool = True
    """Only by the private address, from the VPC and what is connected to it."""
    global_access: bool = False
    """The private address also from other regions of the VPC."""


class AccessSpec(Spec):
    """How the Kubernetes API is reached: by exactly one of `dns` and `ip`; by default the DNS endpoint."""

    dns: DnsEndpointSpec | None = None
    """The DNS endpoint."""
    ip: IpEndpointSpec | None = None
    """The address, with authorized networks."""
    login: Literal["plugin", "token"] = "plugin"
    """How the program and the exported kubeconfig log in: `plugin` runs `gke-gcloud-auth-plugin`, which renews its
    token; `token` asks Google for one at each run, for machines without the plugin. It lives an hour and is kept
    secret."""

    @model_validator(mode="after")
    def _one_endpoint(self) -> Self:
        if self.dns is not None and self.ip is not None:
            raise ValueError("dns and ip are both given; an API server has one of the two endpoints here: remove one")
        return self

    @property
    def by_dns(self) -> DnsEndpointSpec | None:
        """The DNS endpoint, where that is the way in."""
        return None if self.ip is not None else self.dns or DnsEndpointSpec()


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class MaintenanceWindowSpec(Spec):
    """When Google may upgrade control plane and nodes."""

    start: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "03:00"
    """Time of day in UTC, in quotes: `"03:00"`."""
    duration: Duration = timedelta(hours=4)
    """Length, 4 to 24 hours."""
    days: Annotated[Many[Weekday], Field(min_length=1)] = ("tue", "wed", "thu")
    """Days of the week; not at its ends, so that somebody is there when something breaks."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        hours = self.duration.total_seconds() / 3600
        if not 4 <= hours <= 24:
            raise ValueError("duration must be between 4h and 24h")
        available = 4 * len(set(self.days)) * hours
        if available < 48:
            raise ValueError(
                f"leaves {available:g} hours in 32 days, and GKE asks for 48 or more: add days, or lengthen duration"
            )
        return self


class MaintenanceExclusionSpec(Spec):
    """Days without upgrades: a launch, a freeze.
    https://cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions"""

    from_: Date = Field(alias="from", description="First day, in UTC.")
    until: Date
    """Last day, in UTC. Once it is past, the entry must go: GKE refuses it at the next change."""
    scope: Literal["no-upgrades", "no-minor-upgrades", "no-minor-or-node-upgrades"] = "no-minor-or-node-upgrades"
    """What is excluded. `no-upgrades` also keeps security patches away, and lasts 30 days at most."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.until < self.from_:
            raise ValueError("until must not be before from")
        if self.scope == "no-upgrades" and self.until - self.from_ >= timedelta(days=30):
            raise ValueError(
                "a no-upgrades exclusion lasts 30 days at most; shorten it, or exclude minor upgrades only"
            )
        return self

    @property
    def days(self) -> tuple[date, date]:
        return self.from_, self.until


class MaintenanceSpec(Spec):
    """When the cluster may change by itself."""

    window: MaintenanceWindowSpec = MaintenanceWindowSpec()
    """When upgrades may start."""
    exclusions: dict[DnsLabel, MaintenanceExclusionSpec] = {}
    """Days without them, by name."""
    notify: bool = True
    """Publishes upgrades and security bulletins to a Pub/Sub topic, which is an output of the stack."""


class ClusterSecuritySpec(Spec):
    """What GKE's hardening guide leaves to the operator.
    https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster"""

    secrets_key: KmsKey | None = None
    """Cloud KMS key (`projects/P/locations/L/keyRings/R/cryptoKeys/K`) that encrypts Secrets in etcd beside Google's
    own encryption of disks. It needs `project_number`, and cannot be taken away from a cluster."""
    binary_authorization: bool = True
    """Runs only images that the project's Binary Authorization policy admits; until one is written it admits all."""
    posture: Literal["basic", "off"] = "basic"
    """Shows misconfigured workloads in the security posture dashboard."""
    groups_domain: Domain | None = None
    """Domain of the group `gke-security-groups@DOMAIN`, whose member groups can be named in Kubernetes RBAC."""
    secret_manager: bool = False
    """Mounts secrets of Secret Manager in pods by its CSI driver."""
    fqdn_network_policies: bool = False
    """NetworkPolicies by DNS name, below the mesh's own egress rules. A paid feature of GKE."""
    cluster_network_policies: bool = False
    """Cilium's cluster-wide network policies, for rules that no namespace can take back."""
    intranode_visibility: bool = False
    """Sends traffic between pods of one node through the VPC. It breaks Istio's transparent modes
    (istio/istio#52576)."""
    fleet_project: ProjectId | None = None
    """Project of the fleet that the cluster joins."""


class ClusterObservabilitySpec(Spec):
    """What GKE itself logs and measures. The mesh's own traces, logs and metrics are declared under `telemetry`."""

    logs: Many[Literal["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"]] = (
        "SYSTEM_COMPONENTS",
        "WORKLOADS",
        "APISERVER",
    )
    """Components whose logs are kept. The API server's say which webhook failed."""
    metrics: Many[
        Literal[
            "SYSTEM_COMPONENTS",
            "APISERVER",
            "SCHEDULER",
            "CONTROLLER_MANAGER",
            "STORAGE",
            "HPA",
            "POD",
            "DAEMONSET",
            "DEPLOYMENT",
            "STATEFULSET",
            "KUBELET",
            "CADVISOR",
        ]
    ] = ("SYSTEM_COMPONENTS", "APISERVER", "HPA", "POD", "DEPLOYMENT")
    """Components that are measured."""
    managed_prometheus: bool = True
    """Google's Prometheus, which scrapes what PodMonitorings name."""
    managed_opentelemetry: bool = False
    """Google's collector, which takes OTLP at opentelemetry-collector.gke-managed-otel.svc.cluster.local and writes to
    Cloud Trace. From GKE 1.34.1-gke.2178000."""
    dataplane_metrics: bool = True
    """Metrics of Dataplane V2: flows that a NetworkPolicy dropped, among others."""
    dataplane_flows: bool = False
    """Hubble's relay, to watch flows as they pass."""
    cost_allocation: bool = True
    """Splits the bill by namespace and label."""

    @model_validator(mode="after")
    def _system(self) -> Self:
        wrong = [
            f"{name} must hold SYSTEM_COMPONENTS, without which GKE takes no others"
            for name, components in (("logs", self.logs), ("metrics", self.metrics))
            if components and "SYSTEM_COMPONENTS" not in components
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class BackupSpec(Spec):
    """Backup for GKE: the objects of the cluster, by a schedule.
    https://cloud.google.com/kubernetes-engine/docs/add-on/backup-for-gke"""

    schedule: Cron = "15 2 * * *"
    """When, as a cron line in UTC."""
    retain_days: Annotated[int, Field(ge=1, le=180)] = 30
    """How long a backup is kept."""
    include_secrets: bool = True
    """Secrets too. Without them a restored cluster has no certificates."""
    include_volumes: bool = True
    """Contents of persistent volumes too."""
    encryption_key: KmsKey | None = None
    """Cloud KMS key for the backups; by default Google's."""


class IdentitySpec(Spec):
    """What nodes and apps may do in Google Cloud."""

    repositories: dict[DnsLabel, Region] = {}
    """Artifact Registry repositories of this project, name to location, that the nodes pull from. Each is granted by
    itself; no role over all repositories is."""
    apps: dict[DnsLabel, Annotated[Many[Role], Field(min_length=1)]] = {}
    """Roles of the apps in this project, by Workload Identity: the app's Kubernetes service account is the principal,
    and no key exists. It needs `project_number`."""

    @model_validator(mode="after")
    def _least(self) -> Self:
        basic = {"roles/owner", "roles/editor", "roles/viewer"}
        wrong = [
            f"apps.{app} has {role}, which is a basic role over everything; name the roles that the app needs"
            for app, roles in self.apps.items()
            for role in roles
            if role in basic
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class GkeClusterSpec(Spec):
    """A regional GKE cluster, VPC-native, private, with Dataplane V2 and Workload Identity."""

    kind: Literal["gke"]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")] = "chatgpt"
    """Name of the cluster, and the beginning of the names around it; at most 40 characters."""
    mode: Literal["standard", "autopilot"] = "standard"
    """`standard`. Autopilot is told why not."""
    release_channel: Literal["rapid", "regular", "stable", "extended"] = "regular"
    """How soon new versions of Kubernetes come."""
    minimum_version: Annotated[str, StringConstraints(pattern=r"^1\.[0-9]+(\.[0-9]+(-gke\.[0-9]+)?)?$")] | None = None
    """Floor of the control plane's version, such as `1.34`; the channel goes on from there."""
    pools: Annotated[dict[PoolName, NodePoolSpec], Field(min_length=1)]
    """Node pools by name."""
    access: AccessSpec = AccessSpec()
    """How the Kubernetes API is reached."""
    maintenance: MaintenanceSpec = MaintenanceSpec()
    """When the cluster may change by itself."""
    security: ClusterSecuritySpec = ClusterSecuritySpec()
    """Hardening that is not always on."""
    observability: ClusterObservabilitySpec = ClusterObservabilitySpec()
    """What GKE logs and measures."""
    backup: BackupSpec | None = None
    """Backups of the cluster's objects."""
    identity: IdentitySpec = IdentitySpec()
    """What nodes and apps may do in Google Cloud."""
    gateway_api: Literal["off", "gke"] = "off"
    """Who owns the CRDs of the Gateway API: nobody, or GKE. With two owners each overwrites the other's."""
    labels: GoogleLabels = {}
    """Labels of every resource in Google Cloud, for the bill."""
    deletion_protection: bool = True
    """Keeps the cluster, its addresses and its network from being deleted, by GKE and by Pulumi. A stack is taken down
    in two steps: set it to false and deploy, then destroy."""
