"""The values of Istio's charts, from what a stack declares. Pure: rendered charts are tested without Pulumi."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.specs.istio import ControlPlaneSpec, ImagesSpec, IstioSpec
    from mesh.gateways import GatewaySpec, ResourcesSpec

Values = dict[str, Any]

# "Fail" from the start. With the charts' default, istiod itself changes "Ignore" to "Fail" when it is ready, and the
# next `up` that touches the webhook conflicts with it. Both charts render such a webhook.
# https://istio.io/latest/docs/ops/configuration/mesh/configuration-scope/ and istio/istio#59367
_VALIDATION: Mapping[str, Any] = {"validationFailurePolicy": "Fail"}

# A gateway learns the services that its routes lead to, and not the whole cluster's.
_ENVIRONMENT: Mapping[str, str] = {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true"}


def base_values(spec: IstioSpec) -> Values:
    """Custom resource definitions, and the webhook that validates Istio's objects."""
    return {"base": {**_VALIDATION}, "defaultRevision": spec.default_revision}


def cni_values(spec: IstioSpec, platform: str | None) -> Values:
    """The CNI plugin. On GKE the platform's profile brings the quota that its critical pods need."""
    return {"global": {**_images(spec.images), **_platform(platform)}}


def istiod_values(
    spec: IstioSpec, mesh_config: Mapping[str, Any], *, revision: str | None, platform: str | None
) -> Values:
    """One control plane; `mesh_config` is Istio's MeshConfig in its JSON form."""
    plane = spec.control_plane
    return {
        **_replicas(plane),
        "base": {**_VALIDATION},
        "cni": {"enabled": spec.cni},
        "env": {**_ENVIRONMENT, **plane.environment},
        "global": {
            **_images(spec.images),
            **_platform(platform),
            "configValidation": True,
            "istioNamespace": "istio-system",
            "logAsJson": True,
            "networkPolicy": {"enabled": spec.network_policies},
            **({"priorityClassName": plane.priority_class} if plane.priority_class else {}),
        },
        "meshConfig": dict(mesh_config),
        "resources": _resources(plane.resources),
        **({"revision": revision} if revision else {}),
        "revisionTags": sorted(tag for tag, target in spec.tags.items() if revision and target == revision),
        # The runtime's own filter of system calls; Kubernetes runs containers without one unless asked.
        # https://kubernetes.io/docs/tutorials/security/seccomp/
        "seccompProfile": {"type": "RuntimeDefault"},
        "topologySpreadConstraints": _spread({"app": "istiod"}, ("zone", "node")),
    }


def gateway_values(gateway: GatewaySpec, istio: IstioSpec, *, drain_seconds: int, platform: str | None) -> Values:
    """One gateway. Its pods have `drain_seconds` to end their streams when they are stopped."""
    workload = gateway.workload
    replicas = workload.replicas
    scaled = replicas.min != replicas.max
    return {
        "name": gateway.release_name,
        **({"revision": istio.injection} if istio.injection else {}),
        **({"imagePullPolicy": istio.images.pull_policy} if istio.images.pull_policy else {}),
        **({} if scaled else {"replicaCount": replicas.min}),
        "autoscaling": {
            "enabled": scaled,
            "minReplicas": replicas.min,
            "maxReplicas": replicas.max,
            "targetCPUUtilizationPercentage": workload.target_cpu_percent,
        },
        "podDisruptionBudget": _disruption_budget(workload.min_available) if replicas.min > 1 else {},
        "resources": _resources(workload.resources),
        "service": _service(gateway, platform),
        "topologySpreadConstraints": _spread(gateway.pod_labels, workload.spread),
        "nodeSelector": dict(workload.node_selector),
        "tolerations": [dict(toleration) for toleration in workload.tolerations],
        # A stopped gateway pod ends with its last connection, or is killed by Kubernetes after the grace period.
        # By default Envoy is stopped after 5 s, in the middle of whatever it carries.
        "env": {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"},
        "terminationGracePeriodSeconds": drain_seconds + 10,
        "global": {"networkPolicy": {"enabled": istio.network_policies}},
    }


def _service(gateway: GatewaySpec, platform: str | None) -> Values:
    service = gateway.workload.service
    outside = gateway.service_type in ("LoadBalancer", "NodePort")
    address = service.address or ""
    by_name = bool(address) and not _is_address(address)
    annotations: dict[str, str] = {}
    if platform == "gke" and gateway.service_type == "LoadBalancer":
        # https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters
        if gateway.kind == "public":
            # The backend-service load balancer; it cannot be chosen after the Service is made.
            annotations["cloud.google.com/l4-rbs"] = "enabled"
        else:
            annotations["networking.gke.io/load-balancer-type"] = "Internal"
        if by_name:
            annotations["networking.gke.io/load-balancer-ip-addresses"] = address
    ports = (("status-port", 15021), *gateway.ports)
    return {
        "type": gateway.service_type,
        "annotations": {**annotations, **service.annotations},
        **({"loadBalancerIP": address} if address and not by_name else {}),
        **({"loadBalancerSourceRanges": list(service.source_ranges)} if service.source_ranges else {}),
        **({"externalTrafficPolicy": service.external_traffic_policy} if outside else {}),
        "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"} for name, port in ports],
    }


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _spread(labels: Mapping[str, str], over: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Pods over zones and nodes as evenly as can be had, so that the loss of one is not the loss of all."""
    keys = {"zone": "topology.kubernetes.io/zone", "node": "kubernetes.io/hostname"}
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for key in (keys[domain] for domain in over)
    ]


def _replicas(plane: ControlPlaneSpec) -> Values:
    replicas = plane.replicas
    if replicas.min == replicas.max:
        return {"autoscaleEnabled": False, "replicaCount": replicas.min, **_budget(replicas.min)}
    return {
        "autoscaleEnabled": True,
        "autoscaleMin": replicas.min,
        "autoscaleMax": replicas.max,
        "cpu": {"targetAverageUtilization": plane.target_cpu_percent},
        **_budget(replicas.min),
    }


def _budget(replicas: int) -> Values:
    return {"pdb": _disruption_budget(1)} if replicas > 1 else {}


def _disruption_budget(min_available: int) -> Values:
    # AlwaysAllow: a pod that is not healthy protects nothing, and must not hold up a node's upgrade.
    return {"minAvailable": min_available, "unhealthyPodEvictionPolicy": "AlwaysAllow"}


def _resources(resources: ResourcesSpec) -> Values:
    return {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        # An empty text takes the chart's own limit away. A missing key keeps it, and a null may get lost on the way.
        "limits": {"cpu": resources.cpu_limit or "", "memory": resources.memory_limit or ""},
    }


def _images(images: ImagesSpec) -> Values:
    given = (("hub", images.hub), ("tag", images.tag), ("imagePullPolicy", images.pull_policy))
    return {key: value for key, value in given if value is not None}


def _platform(platform: str | None) -> Values:
    return {"platform": platform} if platform else {}
