"""What app teams would own: ServiceAccount, Service and Deployments of every app that a stack declares, and callers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tests.lab.random_mesh.one_node import FOREIGN_NAMESPACES, JOBS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.service import ServiceSpec
    from chatgpt_mesh.stack.settings import Settings

PART_OF = {"part-of": "random-stacks"}
NEIGHBOUR = "neighbour"
"""A workload in an app's namespace that nobody declares."""
APP_LABEL, DEPLOYMENT_LABEL = "random-stacks/app", "random-stacks/deployment"

_NEVER_SECONDS = 10**8


def foreign(image: str) -> Iterator[dict[str, Any]]:
    """Namespaces that stacks speak of and do not make, and in one of them a workload that they name as a caller; they
    stay from one stack to the next."""
    for namespace in FOREIGN_NAMESPACES:
        metadata = {"name": namespace, "labels": {"istio-injection": "enabled", **PART_OF}}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    yield _account(*JOBS)
    yield _caller(*JOBS, image)


def workloads(stack: Settings, image: str) -> Iterator[dict[str, Any]]:
    """Every app in every version, and a neighbour in each of their namespaces."""
    for namespace in sorted({app.namespace for app in stack.apps.values()}):
        yield _account(namespace, NEIGHBOUR)
        yield _caller(namespace, NEIGHBOUR, image)
    for index, app in enumerate(stack.apps.values()):
        yield _account(app.namespace, app.identity_name)
        if app.service is None:
            yield _caller(app.namespace, app.identity_name, image, app.pod_labels, name=f"app-{index}")
            continue
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": app.service_name, "namespace": app.namespace, "labels": PART_OF},
            "spec": {
                "selector": app.pod_labels,
                "ports": [{"name": "http", "port": app.service.port, "targetPort": _port(app.service)}],
            },
        }
        for version, labels in _versions(app).items():
            # An app's own name may be as long as a label, and then no Deployment can have it with a version.
            yield _app(app, app.service, version, labels, image, name=f"app-{index}-{version}")


def _port(service: ServiceSpec) -> int:
    return service.target_port or service.port


def _keep_alive_seconds(service: ServiceSpec) -> int:
    declared = service.keep_alive_timeout
    return _NEVER_SECONDS if declared is None else math.ceil(declared.total_seconds())


def _versions(app: AppSpec) -> Mapping[str, Mapping[str, str]]:
    versions = {name: version.labels or {"version": name} for name, version in app.versions.items()}
    return versions or {"only": {}}


def _app(
    app: AppSpec, service: ServiceSpec, version: str, labels: Mapping[str, str], image: str, *, name: str
) -> dict[str, Any]:
    port = _port(service)
    container = {
        "args": ["-m", "lab.workloads.echo_server"],
        "env": [
            {"name": "APP_NAME", "value": app.name},
            {"name": "APP_VERSION", "value": version},
            {"name": "APP_PORT", "value": str(port)},
            {"name": "APP_KEEP_ALIVE", "value": str(_keep_alive_seconds(service))},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 2, "failureThreshold": 30},
    }
    carried = {**app.pod_labels, **labels, APP_LABEL: app.name}
    return _deployment(app.namespace, name, app.identity_name, carried, container, image)


def _caller(
    namespace: str, account: str, image: str, labels: Mapping[str, str] | None = None, *, name: str = ""
) -> dict[str, Any]:
    container = {"args": ["-m", "lab.workloads.caller"]}
    carried = {**(labels or {"app": account})}
    return _deployment(namespace, name or account, account, carried, container, image)


def _account(namespace: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": PART_OF}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _deployment(
    namespace: str,
    name: str,
    account: str,
    labels: Mapping[str, str],
    container: Mapping[str, Any],
    image: str,
) -> dict[str, Any]:
    pods = {**labels, **PART_OF, DEPLOYMENT_LABEL: name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": PART_OF},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {DEPLOYMENT_LABEL: name}},
            "template": {
                "metadata": {
                    "labels": pods,
                    "annotations": {"sidecar.istio.io/proxyCPU": "10m", "sidecar.istio.io/proxyMemory": "64Mi"},
                },
                "spec": {
                    "serviceAccountName": account,
                    "automountServiceAccountToken": False,
                    # The next stack waits until these are gone, and nothing of theirs is worth waiting for.
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "runAsGroup": 10001,
                        "seccompProfile": {"type": "RuntimeDefault"},
                        # Apps may listen on any port, and these run as nobody in particular.
                        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
                    },
                    "containers": [
                        {
                            "name": "app",
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            **container,
                        }
                    ],
                },
            },
        },
    }
