"""The values of Istio's charts, from what a stack declares. Pure: rendered charts are tested without Pulumi."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs.istio import JWKS_REFRESH
from chatgpt_mesh.istio_api.chart_values import (
    BaseValues,
    BaseValues_Base,
    CniValues,
    CniValues_Global,
    CniValues_Global_NetworkPolicy,
    CniValues_ResourceQuotas,
    GatewayValues,
    GatewayValues_Autoscaling,
    GatewayValues_Global,
    GatewayValues_Global_NetworkPolicy,
    GatewayValues_PodDisruptionBudget,
    GatewayValues_Service,
    IstiodValues,
    IstiodValues_Base,
    IstiodValues_Cni,
    IstiodValues_Cpu,
    IstiodValues_Global,
    IstiodValues_Global_MultiCluster,
    IstiodValues_Global_NetworkPolicy,
    IstiodValues_Global_Proxy,
    IstiodValues_Pdb,
    Resources,
    ServicePort,
)
from chatgpt_mesh.mesh.objects.load_balancing import NETWORK
from chatgpt_mesh.mesh.specs.gateway_workload import is_address
from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.specs.istio import ControlPlaneSpec, IstioSpec
    from chatgpt_mesh.istio_api.mesh_config import MeshConfig
    from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

# "Fail" from the start, in both charts that render such a webhook. With the default, "Ignore", istiod itself changes it
# to "Fail" when it is ready, and the next `up` that touches the webhook conflicts with it. istio/istio#59367
_VALIDATION_FAILURE_POLICY = "Fail"

# A gateway learns the services that its routes lead to, and not the whole cluster's.
ISTIOD_ENVIRONMENT: Mapping[str, str] = {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true"}

# By default a Gateway opens its servers on every gateway pod with its labels, in whatever namespace: whoever may write
# one anywhere could add hosts to this mesh's edge, or have its proxies refuse every update by a second server for a
# host. For the same reason a gateway could not move to another namespace.
OWN_GATEWAYS: Mapping[str, str] = {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true"}

# Where pods get the tokens of their identity, from before their proxy runs. Sidecars leave it alone, so the mesh's own
# egress rules do not hold for it (istio/istio#10951).
# https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity
METADATA_SERVER = "169.254.169.254/32"

# A pod that is not healthy protects nothing, and must not hold up a node's upgrade.
# https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
_UNHEALTHY_PODS = "AlwaysAllow"


def base_values(spec: IstioSpec) -> BaseValues:
    """Custom resource definitions, and the webhook that validates Istio's objects."""
    return BaseValues(
        base=BaseValues_Base(validation_failure_policy=_VALIDATION_FAILURE_POLICY),
        default_revision=spec.default_revision,
    )


def cni_values(spec: IstioSpec, platform: str | None) -> CniValues:
    """The CNI plugin. GKE's nodes read plugins from a directory of their own, and want a quota for critical pods.

    Both are said, in place of the platform's profile: that one leaves the directory to the suffix of the cluster's
    version, which Helm 3.22 drops, and overwrites a directory that is set beside it.
    https://istio.io/latest/docs/setup/additional-setup/cni/#hosted-kubernetes-settings
    """
    on_gke = platform == "gke"
    return CniValues(
        cni_bin_dir="/home/kubernetes/bin" if on_gke else None,
        resource_quotas=CniValues_ResourceQuotas(enabled=True) if on_gke else None,
        global_=CniValues_Global(
            hub=spec.images.hub,
            tag=spec.images.tag,
            image_pull_policy=spec.images.pull_policy,
            log_as_json=True,
            network_policy=CniValues_Global_NetworkPolicy(enabled=spec.network_policies),
            platform=None if on_gke else platform,
        ),
    )


def _jwks_refresh(plane: ControlPlaneSpec) -> dict[str, str]:
    return {} if plane.jwks_refresh is None else {JWKS_REFRESH: duration_text(plane.jwks_refresh)}


def istiod_values(
    spec: IstioSpec, mesh_config: MeshConfig, *, revision: str | None, platform: str | None
) -> IstiodValues:
    """One control plane."""
    plane = spec.control_plane
    replicas = plane.replicas
    scaled = replicas.min != replicas.max
    budget = IstiodValues_Pdb(min_available=1, unhealthy_pod_eviction_policy=_UNHEALTHY_PODS)
    return IstiodValues(
        autoscale_enabled=scaled,
        autoscale_min=replicas.min if scaled else None,
        autoscale_max=replicas.max if scaled else None,
        replica_count=None if scaled else replicas.min,
        cpu=IstiodValues_Cpu(target_average_utilization=plane.target_cpu_percent) if scaled else None,
        pdb=budget if replicas.min > 1 else None,
        resources=_resources(plane.resources),
        # The runtime's own filter of system calls; Kubernetes runs containers without one unless asked.
        # https://kubernetes.io/docs/tutorials/security/seccomp/
        seccomp_profile={"type": "RuntimeDefault"},
        topology_spread_constraints=_spread({"app": "istiod"}, ("zone", "node")),
        base=IstiodValues_Base(validation_failure_policy=_VALIDATION_FAILURE_POLICY),
        cni=IstiodValues_Cni(enabled=spec.cni),
        env={**ISTIOD_ENVIRONMENT, **OWN_GATEWAYS, **_jwks_refresh(plane), **plane.environment},
        global_=IstiodValues_Global(
            hub=spec.images.hub,
            tag=spec.images.tag,
            image_pull_policy=spec.images.pull_policy,
            log_as_json=True,
            mesh_id=None if spec.multi_cluster is None else spec.multi_cluster.mesh,
            multi_cluster=None
            if spec.multi_cluster is None
            else IstiodValues_Global_MultiCluster(cluster_name=spec.multi_cluster.cluster),
            network=None if spec.multi_cluster is None else spec.multi_cluster.network,
            network_policy=IstiodValues_Global_NetworkPolicy(enabled=spec.network_policies),
            platform=platform,
            priority_class_name=plane.priority_class,
            proxy=IstiodValues_Global_Proxy(exclude_ip_ranges=METADATA_SERVER) if platform == "gke" else None,
        ),
        mesh_config=mesh_config,
        revision=revision,
    )


def gateway_values(
    gateway: GatewaySpec,
    istio: IstioSpec,
    *,
    drain_seconds: int,
    platform: str | None,
    reserved_address: str | None = None,
    network: str | None = None,
) -> GatewayValues:
    """One gateway. Its pods have `drain_seconds` to end their streams when they are stopped.

    `reserved_address` is the name of the address that the stack itself keeps for the load balancer, `network` the
    network that a gateway between clusters leads into.
    """
    workload = gateway.workload
    replicas = workload.replicas
    scaled = replicas.min != replicas.max
    budget = GatewayValues_PodDisruptionBudget(
        min_available=workload.min_available, unhealthy_pod_eviction_policy=_UNHEALTHY_PODS
    )
    return GatewayValues(
        name=gateway.release_name,
        revision=istio.injection_label,
        # By this label istiod of the other cluster finds the gateway. `networkGateway` of the chart would open ports of
        # istiod beside it.
        labels={} if network is None else {NETWORK: network},
        pod_annotations=_pod_annotations(gateway, istio),
        image_pull_policy=istio.images.pull_policy,
        replica_count=None if scaled else replicas.min,
        autoscaling=GatewayValues_Autoscaling(
            enabled=scaled,
            min_replicas=replicas.min,
            max_replicas=replicas.max,
            target_cpu_utilization_percentage=workload.target_cpu_percent,
        ),
        pod_disruption_budget=budget if replicas.min > 1 else None,
        resources=_resources(workload.resources),
        service=_service(gateway, platform, reserved_address, everywhere=network is not None),
        topology_spread_constraints=_spread(gateway.pod_labels, workload.spread),
        node_selector=workload.node_selector,
        tolerations=workload.tolerations,
        # A stopped gateway pod ends with its last connection, or is killed by Kubernetes after the grace period. By
        # default Envoy is stopped after 5 s, in the middle of whatever it carries.
        # A gateway between clusters knows pods of its own network alone, or a request might come back to where it was.
        env={
            "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
            **({} if network is None else {"ISTIO_META_REQUESTED_NETWORK_VIEW": network}),
        },
        termination_grace_period_seconds=drain_seconds + 10,
        global_=GatewayValues_Global(
            network_policy=GatewayValues_Global_NetworkPolicy(enabled=istio.network_policies),
            platform=platform,
        ),
    )


def _pod_annotations(gateway: GatewaySpec, istio: IstioSpec) -> dict[str, str]:
    # A tag that moves changes this, so that the pods are renewed by the control plane that it now leads to.
    found = {"chatgpt-mesh/revision": istio.injecting_revision} if istio.injecting_revision else {}
    if gateway.trusted_proxies:
        topology = {"gatewayTopology": {"numTrustedProxies": gateway.trusted_proxies}}
        found["proxy.istio.io/config"] = json.dumps(topology)
    return found


def _service(
    gateway: GatewaySpec, platform: str | None, reserved_address: str | None, *, everywhere: bool
) -> GatewayValues_Service:
    service = gateway.workload.service
    outside = gateway.service_type in ("LoadBalancer", "NodePort")
    address = service.address or reserved_address
    by_number = address is not None and is_address(address)
    annotations: dict[str, str] = {}
    if platform == "gke" and gateway.service_type == "LoadBalancer":
        annotations |= _google_annotations(gateway, None if by_number else address)
        if everywhere:
            annotations["networking.gke.io/internal-load-balancer-allow-global-access"] = "true"
    return GatewayValues_Service(
        type=gateway.service_type,
        annotations={**annotations, **service.annotations},
        load_balancer_ip=address if by_number else None,
        load_balancer_source_ranges=service.source_ranges,
        external_traffic_policy=service.external_traffic_policy if outside else None,
        ports=[
            ServicePort(name=name, port=port, target_port=port, protocol="TCP")
            for name, port in (("status-port", 15021), *gateway.ports)
        ],
    )


def _google_annotations(gateway: GatewaySpec, address_name: str | None) -> dict[str, str]:
    """https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters"""
    annotations = {"networking.gke.io/load-balancer-type": "Internal"}
    if gateway.kind == "public":
        # The load balancer with a backend service, which cannot be chosen after the Service is made.
        annotations = {"cloud.google.com/l4-rbs": "enabled"}
    if address_name is not None:
        annotations["networking.gke.io/load-balancer-ip-addresses"] = address_name
    return annotations


def _resources(resources: ResourcesSpec) -> Resources:
    return Resources(
        requests={"cpu": resources.cpu, "memory": resources.memory},
        # An empty text takes the chart's own limit away. A missing key keeps it, and a null may get lost on the way.
        limits={"cpu": resources.cpu_limit or "", "memory": resources.memory_limit or ""},
    )


def _spread(labels: Mapping[str, str], over: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Pods over zones and nodes as evenly as can be had, so that the loss of one is not the loss of all."""
    keys = {"zone": "topology.kubernetes.io/zone", "node": "kubernetes.io/hostname"}
    return [
        {
            "maxSkew": 1,
            "topologyKey": keys[domain],
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for domain in over
    ]
