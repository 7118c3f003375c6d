"""The few fields of Kubernetes' own kinds that rules read. Everything else is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.schemas.conform import OPEN

if TYPE_CHECKING:
    from meshlint.schemas import Schema

STRINGS: Schema = ["m", "s"]
METADATA: Schema = {
    OPEN: 1, "name": "s", "namespace": "s", "generateName": "s", "labels": STRINGS, "annotations": STRINGS,
    "creationTimestamp": "s",
}  # fmt: skip

_PROBE: Schema = {OPEN: 1, "httpGet": {OPEN: 1, "port": "is"}}
_CONTAINER: Schema = {
    OPEN: 1, "name": "s", "image": "s",
    "ports": ["l", {OPEN: 1, "containerPort": "i", "name": "s", "protocol": "s"}],
    "env": ["l", {OPEN: 1, "name": "s", "value": "s"}],
    "livenessProbe": _PROBE, "readinessProbe": _PROBE, "startupProbe": _PROBE,
}  # fmt: skip
_POD_SPEC: Schema = {
    OPEN: 1, "serviceAccountName": "s", "hostNetwork": "b", "terminationGracePeriodSeconds": "i",
    "containers": ["l", _CONTAINER], "initContainers": ["l", _CONTAINER],
}  # fmt: skip
_POD_TEMPLATE: Schema = {OPEN: 1, "metadata": METADATA, "spec": _POD_SPEC}
_WORKLOAD: Schema = {
    OPEN: 1, "replicas": "i", "template": _POD_TEMPLATE, "selector": {OPEN: 1, "matchLabels": STRINGS},
}  # fmt: skip

SPECS: dict[str, Schema] = {
    "Service": {
        OPEN: 1, "type": "s", "selector": STRINGS, "externalName": "s", "externalTrafficPolicy": "s",
        "loadBalancerSourceRanges": ["l", "s"],
        "ports": ["l", {OPEN: 1, "name": "s", "port": "i", "targetPort": "is", "protocol": "s", "appProtocol": "s"}],
    },
    "Deployment": _WORKLOAD, "StatefulSet": _WORKLOAD, "DaemonSet": _WORKLOAD, "ReplicaSet": _WORKLOAD,
    "Job": _WORKLOAD,
    "CronJob": {OPEN: 1, "jobTemplate": {OPEN: 1, "spec": _WORKLOAD}},
    "Pod": _POD_SPEC,
    "HorizontalPodAutoscaler": {
        OPEN: 1, "minReplicas": "i", "maxReplicas": "i", "scaleTargetRef": {OPEN: 1, "kind": "s", "name": "s"},
    },
    "PodDisruptionBudget": {
        OPEN: 1, "minAvailable": "is", "maxUnavailable": "is", "selector": {OPEN: 1, "matchLabels": STRINGS},
    },
}  # fmt: skip

BODIES: dict[str, Schema] = {
    "ConfigMap": {OPEN: 1, "data": STRINGS},
    "Secret": {OPEN: 1, "type": "s", "data": STRINGS, "stringData": STRINGS},
}

CLUSTER_SCOPED = frozenset(
    {
        "Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "GatewayClass", "IngressClass",
        "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding", "PersistentVolume", "PriorityClass", "StorageClass", "Node", "APIService",
        "HelmValues",
    }
)  # fmt: skip
