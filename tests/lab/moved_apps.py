"""An app of each controller's, and the objects that its team writes beside the stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

ARGO, FLAGGER = "moved-by-argo", "moved-by-flagger"
"""App, namespace and service account."""
PORT = 8080
MESH_LABEL = "mesh-app"
"""By which policies select the pods of Flagger's app: Flagger rewrites `app`, by which its Deployment selects."""


def host(app: str) -> str:
    return f"{app}.example.com"


def declared() -> dict[str, Any]:
    """Settings over the stack's: both apps, as docs/rollouts.md has them."""
    of_both: dict[str, Any] = {
        "gateway": "public",
        "service": {"port": PORT},
        "mcp": {"stateless": True},
        "open": True,
        "callers": [{"app": "chatgpt-frontend", "paths": ["/mcp"]}],
    }
    pin = {"header": "x-canary", "value": "true", "allowed": "anyone"}
    apps = {
        ARGO: {
            "versions": {"stable": {}, "canary": {}},
            "rollout": {
                "stable": "stable",
                "managed_by": "argo-rollouts",
                "canary": {"version": "canary", "pin": pin},
            },
        },
        FLAGGER: {
            "labels": {MESH_LABEL: FLAGGER},
            "versions": {"stable": {}},
            "rollout": {"stable": "stable", "managed_by": "flagger"},
        },
    }
    return {"apps": {name: {**of_both, "namespace": name, "host": host(name), **own} for name, own in apps.items()}}


def template(lab: RunningLab, app: str, version: str, labels: dict[str, str]) -> dict[str, Any]:
    """Pods of a release: the sample MCP server, as the stack's own app runs it."""
    live = lab.objects.get("Deployment", lab.namespace, "chatgpt-mcp-v1")["spec"]["template"]
    container = live["spec"]["containers"][0]
    named = {"APP_NAME": app, "APP_VERSION": version}
    fields = ("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace")
    server = {
        "name": "app",
        "image": container["image"],
        "imagePullPolicy": "IfNotPresent",
        "args": container["args"],
        "env": [
            *({"name": name, "value": value} for name, value in named.items()),
            *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields),
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        # The sample server ends event streams as soon as it is told to stop: it is told when nobody sends it any more.
        # Not `sleep`, which is lost where Flagger copies it: its copy has what pods could have in Kubernetes 1.27.
        "lifecycle": {"preStop": {"exec": {"command": ["/usr/local/bin/python", "-c", "import time; time.sleep(6)"]}}},
        # Metrics, which answer whatever a test makes of the app's answers.
        "readinessProbe": {"httpGet": {"path": "/metrics", "port": 9090}, "periodSeconds": 2, "failureThreshold": 30},
        "resources": container["resources"],
        "securityContext": container["securityContext"],
    }
    annotations = {key: live["metadata"]["annotations"][key] for key in _SMALL}
    spec = {
        "serviceAccountName": app,
        "automountServiceAccountToken": False,
        "securityContext": live["spec"]["securityContext"],
        "containers": [server],
    }
    return {
        "metadata": {"labels": {"app": app, "release": version, **labels}, "annotations": annotations},
        "spec": spec,
    }


_SMALL = ("sidecar.istio.io/proxyCPU", "sidecar.istio.io/proxyMemory")


def account(app: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": app, "namespace": app}}


def service(app: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": PORT, "targetPort": PORT}]
    metadata = {"name": app, "namespace": app}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {"app": app}, "ports": ports},
    }


def rollout(lab: RunningLab, version: str, prometheus: str) -> list[dict[str, Any]]:
    """Argo's: two shares, and an analysis of the host's answers from the first on."""
    called = f'reporter="source",destination_service="{ARGO}.{ARGO}.svc.cluster.local"'
    rate = f"sum(rate(istio_requests_total{{{called}%s}}[10s]))"
    failed = rate % ',response_code=~"5.."'
    metric = {
        "name": "failing",
        "interval": "3s",
        "failureLimit": 1,
        "successCondition": "len(result) == 0 || isNaN(result[0]) || result[0] < 0.03",
        "provider": {
            "prometheus": {"address": prometheus, "query": f"({failed} or vector(0)) / {rate % ''}"},
        },
    }
    analysis = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "failing", "namespace": ARGO},
        "spec": {"metrics": [metric]},
    }
    istio = {
        "virtualService": {"name": f"{ARGO}-rollout"},
        "destinationRule": {
            "name": f"{ARGO}-rollout",
            "stableSubsetName": "stable",
            "canarySubsetName": "canary",
        },
    }
    canary = {
        "trafficRouting": {"istio": istio},
        "analysis": {"templates": [{"templateName": "failing"}], "startingStep": 1},
        "steps": [
            {"setWeight": 20},
            {"pause": {"duration": "12s"}},
            {"setWeight": 50},
            {"pause": {"duration": "12s"}},
        ],
        "abortScaleDownDelaySeconds": 5,
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"app": ARGO}},
        "template": template(lab, ARGO, version, {}),
        "strategy": {"canary": canary},
    }
    metadata = {"name": ARGO, "namespace": ARGO}
    return [analysis, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec}]


def target(lab: RunningLab, version: str) -> dict[str, Any]:
    """The Deployment that Flagger copies."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": FLAGGER, "namespace": FLAGGER},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": FLAGGER}},
            "template": template(lab, FLAGGER, version, {MESH_LABEL: FLAGGER}),
        },
    }


def canary(gateway: str) -> dict[str, Any]:
    """Flagger's: its own queries of Istio's metrics."""
    success = {"name": "request-success-rate", "thresholdRange": {"min": 97}, "interval": "10s"}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": FLAGGER, "namespace": FLAGGER},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": FLAGGER},
            "progressDeadlineSeconds": 60,
            "service": {
                "port": PORT,
                "targetPort": PORT,
                "portName": "http",
                "gateways": [gateway, "mesh"],
                "hosts": [host(FLAGGER)],
                "retries": {"attempts": 2, "perTryTimeout": "5s", "retryOn": "connect-failure,refused-stream"},
            },
            "analysis": {
                "interval": "6s",
                "threshold": 2,
                "maxWeight": 50,
                "stepWeight": 25,
                "metrics": [success],
            },
        },
    }


def shown(objects: list[dict[str, Any]]) -> str:
    """As kubectl takes them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
