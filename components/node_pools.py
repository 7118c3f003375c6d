"""Node pools: their names are the engine's, so that a replacement is there before the old pool is drained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.specs.node_pools import NodePoolSpec, UpgradeSpec

_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePoolsArgs:
    pools: Mapping[str, NodePoolSpec]
    cluster: pulumi.Input[str]
    region: str
    zones: Sequence[str]
    service_account: pulumi.Input[str]
    node_tag: str
    labels: Mapping[str, str]
    """Labels of the machines in Google Cloud."""


class NodePools(pulumi.ComponentResource):
    """All pools of a cluster, by name."""

    def __init__(self, name: str, args: NodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:NodePools", name, None, opts)
        self._args = args
        self.pools = {pool: self._pool(pool, spec) for pool, spec in args.pools.items()}
        self.register_outputs({})

    def _pool(self, name: str, spec: NodePoolSpec) -> gcp.container.NodePool:
        args = self._args
        zones = list(spec.zones or args.zones)
        return gcp.container.NodePool(
            name,
            cluster=args.cluster,
            location=args.region,
            node_locations=zones,
            autoscaling=gcp.container.NodePoolAutoscalingArgs(
                # Over all zones: a count per zone makes three nodes out of one.
                total_min_node_count=spec.nodes.min,
                total_max_node_count=spec.nodes.max,
                location_policy="ANY" if spec.spot else "BALANCED",
            ),
            # Per zone, and only at the beginning; the autoscaler takes over.
            initial_node_count=max(1, spec.nodes.min // len(zones)),
            max_pods_per_node=spec.max_pods_per_node,
            management=gcp.container.NodePoolManagementArgs(auto_repair=True, auto_upgrade=True),
            upgrade_settings=_upgrade(spec.upgrade),
            # A pool that is replaced is deleted after its successor is there. Without these its pods end all at once.
            node_drain_configs=[
                gcp.container.NodePoolNodeDrainConfigArgs(
                    respect_pdb_during_node_pool_deletion=spec.drain.respect_disruption_budgets,
                    pdb_timeout_duration=duration_text(spec.drain.budget_timeout),
                    grace_termination_duration=duration_text(spec.drain.grace),
                )
            ],
            network_config=gcp.container.NodePoolNetworkConfigArgs(enable_private_nodes=True),
            node_config=self._node_config(spec),
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["initialNodeCount"],
                custom_timeouts=pulumi.CustomTimeouts(create="60m", update="6h", delete="6h"),
            ),
        )

    def _node_config(self, spec: NodePoolSpec) -> gcp.container.NodePoolNodeConfigArgs:
        return gcp.container.NodePoolNodeConfigArgs(
            machine_type=spec.machine_type,
            # Google's own image: read-only root, verified boot. Istio's CNI plugin knows its paths.
            image_type="COS_CONTAINERD",
            boot_disk=gcp.container.NodePoolNodeConfigBootDiskArgs(disk_type=spec.disk.type, size_gb=spec.disk.size_gb),
            service_account=self._args.service_account,
            # The scope is no limit any more: what the account may do is IAM's to say.
            oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
            tags=[self._args.node_tag],
            labels=dict(spec.labels),
            resource_labels=dict(self._args.labels),
            taints=[
                gcp.container.NodePoolNodeConfigTaintArgs(key=t.key, value=t.value, effect=_EFFECTS[t.effect])
                for t in spec.taints
            ],
            spot=spec.spot,
            # The legacy metadata endpoints answer without the header that a forged request cannot set.
            metadata={"disable-legacy-endpoints": "true"},
            # Pods get tokens of their own identity, never the node's.
            workload_metadata_config=gcp.container.NodePoolNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
            shielded_instance_config=gcp.container.NodePoolNodeConfigShieldedInstanceConfigArgs(
                enable_secure_boot=True, enable_integrity_monitoring=True
            ),
            kubelet_config=gcp.container.NodePoolNodeConfigKubeletConfigArgs(
                # Port 10255 tells anybody which pods run here.
                insecure_kubelet_readonly_port_enabled="FALSE",
                pod_pids_limit=spec.pods_limit_of_processes,
            ),
            gcfs_config=gcp.container.NodePoolNodeConfigGcfsConfigArgs(enabled=spec.image_streaming),
            gvnic=gcp.container.NodePoolNodeConfigGvnicArgs(enabled=True),
        )


def _upgrade(spec: UpgradeSpec) -> gcp.container.NodePoolUpgradeSettingsArgs:
    if spec.strategy == "surge":
        return gcp.container.NodePoolUpgradeSettingsArgs(
            strategy="SURGE", max_surge=spec.max_surge, max_unavailable=spec.max_unavailable
        )
    return gcp.container.NodePoolUpgradeSettingsArgs(
        strategy="BLUE_GREEN",
        blue_green_settings=gcp.container.NodePoolUpgradeSettingsBlueGreenSettingsArgs(
            node_pool_soak_duration=duration_text(spec.soak),
            standard_rollout_policy=gcp.container.NodePoolUpgradeSettingsBlueGreenSettingsStandardRolloutPolicyArgs(
                batch_node_count=1
            ),
        ),
    )
