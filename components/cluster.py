"""The GKE cluster itself. Each fixed setting says why it is not the API's default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from chatgpt_mesh.components.identity import workload_pool
from chatgpt_mesh.components.network import PODS, SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatgpt_mesh.components.network import Network
    from chatgpt_mesh.components.specs.cluster_gke import (
        AccessSpec,
        ClusterObservabilitySpec,
        GkeClusterSpec,
        MaintenanceExclusionSpec,
        MaintenanceSpec,
    )
    from chatgpt_mesh.components.specs.network import NetworkSpec

_SCOPES = {
    "no-upgrades": "NO_UPGRADES",
    "no-minor-upgrades": "NO_MINOR_UPGRADES",
    "no-minor-or-node-upgrades": "NO_MINOR_OR_NODE_UPGRADES",
}

# Recurrences count from a date that never moves: with today's, every preview would differ.
_EPOCH = date(2024, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterArgs:
    spec: GkeClusterSpec
    project: str
    network: Network
    ranges: NetworkSpec
    node_service_account: pulumi.Input[str]
    node_tag: str
    secrets_key_grant: Sequence[pulumi.Resource] = ()
    """GKE's own right to use the key of `security.secrets_key`, which has to be there first."""


class Cluster(pulumi.ComponentResource):
    """A regional, private, VPC-native cluster with Dataplane V2 and Workload Identity, and without a node pool."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:Cluster", name, None, opts)
        spec, ranges = args.spec, args.ranges
        self.name = spec.name
        self.upgrades = self._upgrade_topic(spec)
        container = gcp.container
        self.cluster = container.Cluster(
            spec.name,
            name=spec.name,
            # A region and not a zone: three control planes, one of which may go.
            location=ranges.region,
            node_locations=list(ranges.zones),
            deletion_protection=spec.deletion_protection,
            resource_labels=dict(spec.labels),
            # Pools are resources of their own: a change of one that is written into the cluster replaces the cluster.
            remove_default_node_pool=True,
            initial_node_count=1,
            # The default pool lives for minutes, and still must not run as the project's editor.
            node_config=container.ClusterNodeConfigArgs(
                service_account=args.node_service_account, tags=[args.node_tag]
            ),
            networking_mode="VPC_NATIVE",
            network=args.network.network.id,
            subnetwork=args.network.nodes.id,
            ip_allocation_policy=container.ClusterIpAllocationPolicyArgs(
                cluster_secondary_range_name=PODS, services_secondary_range_name=SERVICES, stack_type="IPV4"
            ),
            default_max_pods_per_node=max(pool.max_pods_per_node for pool in spec.pools.values()),
            # eBPF: enforces NetworkPolicies, and logs what they drop. `network_policy` is the other data plane's.
            datapath_provider="ADVANCED_DATAPATH",
            # Redirected traffic does not survive it (istio/istio#52576).
            enable_intranode_visibility=spec.security.intranode_visibility,
            enable_fqdn_network_policy=spec.security.fqdn_network_policies,
            enable_cilium_clusterwide_network_policy=spec.security.cluster_network_policies,
            # Internal load balancers send to the nodes that have the pods, and not to all of them.
            enable_l4_ilb_subsetting=True,
            private_cluster_config=self._private(args),
            control_plane_endpoints_config=_endpoints(spec.access),
            master_authorized_networks_config=_authorized(spec.access),
            release_channel=container.ClusterReleaseChannelArgs(channel=spec.release_channel.upper()),
            min_master_version=spec.minimum_version,
            maintenance_policy=maintenance_policy(spec.maintenance),
            notification_config=self._notifications(),
            workload_identity_config=container.ClusterWorkloadIdentityConfigArgs(
                workload_pool=workload_pool(args.project)
            ),
            # Certificates of clients cannot be revoked.
            master_auth=container.ClusterMasterAuthArgs(
                client_certificate_config=container.ClusterMasterAuthClientCertificateConfigArgs(
                    issue_client_certificate=False
                )
            ),
            enable_shielded_nodes=True,
            # Strangers may ask for health, and for nothing else, whatever somebody binds to system:anonymous.
            # https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#restrict-anonymous-access
            anonymous_authentication_config=container.ClusterAnonymousAuthenticationConfigArgs(mode="LIMITED"),
            rbac_binding_config=container.ClusterRbacBindingConfigArgs(
                enable_insecure_binding_system_authenticated=False,
                enable_insecure_binding_system_unauthenticated=False,
            ),
            # A Service with externalIPs takes traffic that is meant for others (CVE-2020-8554).
            service_external_ips_config=container.ClusterServiceExternalIpsConfigArgs(enabled=False),
            node_pool_defaults=container.ClusterNodePoolDefaultsArgs(
                node_config_defaults=container.ClusterNodePoolDefaultsNodeConfigDefaultsArgs(
                    insecure_kubelet_readonly_port_enabled="FALSE"
                )
            ),
            # Nodes that GKE makes on its own have the tag of the webhook's firewall rule too.
            node_pool_auto_config=container.ClusterNodePoolAutoConfigArgs(
                network_tags=container.ClusterNodePoolAutoConfigNetworkTagsArgs(tags=[args.node_tag])
            ),
            database_encryption=_encryption(spec.security.secrets_key),
            binary_authorization=container.ClusterBinaryAuthorizationArgs(
                evaluation_mode="PROJECT_SINGLETON_POLICY_ENFORCE" if spec.security.binary_authorization else "DISABLED"
            ),
            security_posture_config=container.ClusterSecurityPostureConfigArgs(
                mode="BASIC" if spec.security.posture == "basic" else "DISABLED",
                # The scan of images is a product of its own, in Artifact Registry.
                vulnerability_mode="VULNERABILITY_DISABLED",
            ),
            authenticator_groups_config=container.ClusterAuthenticatorGroupsConfigArgs(
                security_group=f"gke-security-groups@{spec.security.groups_domain}"
            )
            if spec.security.groups_domain
            else None,
            secret_manager_config=container.ClusterSecretManagerConfigArgs(enabled=spec.security.secret_manager),
            fleet=container.ClusterFleetArgs(project=spec.security.fleet_project)
            if spec.security.fleet_project
            else None,
            # Said in either case: left out, GKE decides by its version whether it owns the CRDs of the Gateway API.
            gateway_api_config=container.ClusterGatewayApiConfigArgs(
                channel="CHANNEL_STANDARD" if spec.gateway_api == "gke" else "CHANNEL_DISABLED"
            ),
            addons_config=container.ClusterAddonsConfigArgs(
                network_policy_config=container.ClusterAddonsConfigNetworkPolicyConfigArgs(disabled=True),
                http_load_balancing=container.ClusterAddonsConfigHttpLoadBalancingArgs(disabled=False),
                horizontal_pod_autoscaling=container.ClusterAddonsConfigHorizontalPodAutoscalingArgs(disabled=False),
                # A cache of names on every node. Chosen at the beginning: switching it makes all nodes anew.
                dns_cache_config=container.ClusterAddonsConfigDnsCacheConfigArgs(enabled=True),
                gce_persistent_disk_csi_driver_config=container.ClusterAddonsConfigGcePersistentDiskCsiDriverConfigArgs(
                    enabled=True
                ),
                gke_backup_agent_config=container.ClusterAddonsConfigGkeBackupAgentConfigArgs(
                    enabled=spec.backup is not None
                ),
            ),
            logging_config=container.ClusterLoggingConfigArgs(enable_components=list(spec.observability.logs)),
            monitoring_config=_monitoring(spec.observability),
            managed_opentelemetry_config=_opentelemetry(spec.observability),
            cost_management_config=container.ClusterCostManagementConfigArgs(
                enabled=spec.observability.cost_allocation
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=spec.deletion_protection,
                depends_on=list(args.secrets_key_grant) or None,
                # What the removed default pool leaves behind. Compared, it would be a difference for good, and a
                # difference in nodeConfig replaces the cluster.
                ignore_changes=["nodeConfig", "initialNodeCount", "nodePools"],
                custom_timeouts=pulumi.CustomTimeouts(create="60m", update="2h", delete="60m"),
            ),
        )
        self.backup_plan = self._backup(spec, ranges)
        self.register_outputs({"cluster": self.cluster.id})

    @property
    def dns_endpoint(self) -> pulumi.Output[str]:
        """Name of the control plane, without scheme."""
        return self.cluster.control_plane_endpoints_config.apply(
            lambda found: (found.dns_endpoint_config.endpoint if found.dns_endpoint_config else None) or ""
        )

    @property
    def private_endpoint(self) -> pulumi.Output[str]:
        """Address of the control plane in the VPC."""
        return self.cluster.private_cluster_config.apply(lambda found: found.private_endpoint or "")

    @property
    def ca_certificate(self) -> pulumi.Output[str]:
        """Certificate authority of the address (not of the DNS endpoint), as base64."""
        return self.cluster.master_auth.apply(lambda found: found.cluster_ca_certificate or "")

    def _private(self, args: ClusterArgs) -> gcp.container.ClusterPrivateClusterConfigArgs:
        ip = args.spec.access.ip
        return gcp.container.ClusterPrivateClusterConfigArgs(
            enable_private_nodes=True,
            # Without IP endpoints there is none to make private, and the API takes no word on it.
            enable_private_endpoint=ip.private if ip is not None else None,
            private_endpoint_subnetwork=args.network.control_plane.name,
            master_global_access_config=gcp.container.ClusterPrivateClusterConfigMasterGlobalAccessConfigArgs(
                enabled=ip is not None and ip.global_access
            ),
        )

    def _upgrade_topic(self, spec: GkeClusterSpec) -> gcp.pubsub.Topic | None:
        if not spec.maintenance.notify:
            return None
        return gcp.pubsub.Topic(f"{spec.name}-upgrades", opts=pulumi.ResourceOptions(parent=self))

    def _notifications(self) -> gcp.container.ClusterNotificationConfigArgs | None:
        if self.upgrades is None:
            return None
        return gcp.container.ClusterNotificationConfigArgs(
            pubsub=gcp.container.ClusterNotificationConfigPubsubArgs(
                enabled=True,
                topic=self.upgrades.id,
                filter=gcp.container.ClusterNotificationConfigPubsubFilterArgs(
                    event_types=["UPGRADE_EVENT", "UPGRADE_AVAILABLE_EVENT", "SECURITY_BULLETIN_EVENT"]
                ),
            )
        )

    def _backup(self, spec: GkeClusterSpec, ranges: NetworkSpec) -> gcp.gkebackup.BackupPlan | None:
        backup = spec.backup
        if backup is None:
            return None
        key = backup.encryption_key
        return gcp.gkebackup.BackupPlan(
            f"{spec.name}-backup",
            cluster=self.cluster.id,
            location=ranges.region,
            backup_schedule=gcp.gkebackup.BackupPlanBackupScheduleArgs(cron_schedule=backup.schedule),
            retention_policy=gcp.gkebackup.BackupPlanRetentionPolicyArgs(backup_retain_days=backup.retain_days),
            backup_config=gcp.gkebackup.BackupPlanBackupConfigArgs(
                all_namespaces=True,
                include_secrets=backup.include_secrets,
                include_volume_data=backup.include_volumes,
                encryption_key=gcp.gkebackup.BackupPlanBackupConfigEncryptionKeyArgs(gcp_kms_encryption_key=key)
                if key
                else None,
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=spec.deletion_protection),
        )


def maintenance_policy(spec: MaintenanceSpec) -> gcp.container.ClusterMaintenancePolicyArgs:
    """Window and exclusions in the API's form."""
    window = spec.window
    hour, minute = window.start.split(":")
    start = datetime.combine(_EPOCH, time(int(hour), int(minute)), UTC)
    days = ",".join(day[:2].upper() for day in window.days)
    return gcp.container.ClusterMaintenancePolicyArgs(
        recurring_window=gcp.container.ClusterMaintenancePolicyRecurringWindowArgs(
            start_time=_instant(start),
            end_time=_instant(start + window.duration),
            recurrence=f"FREQ=WEEKLY;BYDAY={days}",
        ),
        maintenance_exclusions=[_exclusion(name, one) for name, one in spec.exclusions.items()] or None,
    )


def _exclusion(
    name: str, spec: MaintenanceExclusionSpec
) -> gcp.container.ClusterMaintenancePolicyMaintenanceExclusionArgs:
    first, last = spec.days
    return gcp.container.ClusterMaintenancePolicyMaintenanceExclusionArgs(
        exclusion_name=name,
        start_time=_instant(datetime.combine(first, time(), UTC)),
        end_time=_instant(datetime.combine(last + timedelta(days=1), time(), UTC)),
        exclusion_options=gcp.container.ClusterMaintenancePolicyMaintenanceExclusionExclusionOptionsArgs(
            scope=_SCOPES[spec.scope]
        ),
    )


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _endpoints(access: AccessSpec) -> gcp.container.ClusterControlPlaneEndpointsConfigArgs:
    dns = access.by_dns
    return gcp.container.ClusterControlPlaneEndpointsConfigArgs(
        dns_endpoint_config=gcp.container.ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs(
            allow_external_traffic=dns is not None and dns.external,
            # Their tokens are no IAM identities, so that IAM could not say no.
            enable_k8s_tokens_via_dns=dns is not None and dns.service_account_tokens,
            enable_k8s_certs_via_dns=False,
        ),
        # With one way in there is one place to look at who may come.
        ip_endpoints_config=gcp.container.ClusterControlPlaneEndpointsConfigIpEndpointsConfigArgs(
            enabled=access.ip is not None
        ),
    )


def _authorized(access: AccessSpec) -> gcp.container.ClusterMasterAuthorizedNetworksConfigArgs | None:
    if access.ip is None:
        return None
    return gcp.container.ClusterMasterAuthorizedNetworksConfigArgs(
        cidr_blocks=[
            gcp.container.ClusterMasterAuthorizedNetworksConfigCidrBlockArgs(cidr_block=network, display_name=name)
            for name, network in access.ip.authorized.items()
        ],
        # Google's public addresses are everybody's who rents a machine there.
        gcp_public_cidrs_access_enabled=False,
        private_endpoint_enforcement_enabled=True,
    )


def _encryption(key: str | None) -> gcp.container.ClusterDatabaseEncryptionArgs | None:
    return gcp.container.ClusterDatabaseEncryptionArgs(state="ENCRYPTED", key_name=key) if key else None


def _opentelemetry(spec: ClusterObservabilitySpec) -> gcp.container.ClusterManagedOpentelemetryConfigArgs | None:
    if not spec.managed_opentelemetry:
        return None
    return gcp.container.ClusterManagedOpentelemetryConfigArgs(scope="COLLECTION_AND_INSTRUMENTATION_COMPONENTS")


def _monitoring(spec: ClusterObservabilitySpec) -> gcp.container.ClusterMonitoringConfigArgs:
    return gcp.container.ClusterMonitoringConfigArgs(
        enable_components=list(spec.metrics),
        managed_prometheus=gcp.container.ClusterMonitoringConfigManagedPrometheusArgs(
            enabled=spec.managed_prometheus,
            # PodMonitorings are written down; what scrapes itself is billed by itself.
            auto_monitoring_config=gcp.container.ClusterMonitoringConfigManagedPrometheusAutoMonitoringConfigArgs(
                scope="NONE"
            ),
        ),
        advanced_datapath_observability_config=gcp.container.ClusterMonitoringConfigAdvancedDatapathObservabilityConfigArgs(
            enable_metrics=spec.dataplane_metrics, enable_relay=spec.dataplane_flows
        ),
    )
