"""What app teams would own: ServiceAccount, Service and Deployments of every app that a stack declares, and callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.random_mesh.declaration import JOBS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.stack.settings import Settings

PART_OF = {"part-of": "random-stacks"}
NEIGHBOUR = "neighbour"
"""A workload in an app's namespace that nobody declares."""
APP_LABEL, DEPLOYMENT_LABEL = "random-stacks/app", "random-stacks/deployment"


def callers(image: str) -> Iterator[dict[str, Any]]:
    """A workload of another team that stacks name as a caller; it stays from one stack to the next."""
    namespace, account = JOBS
    metadata = {"name": namespace, "labels": {"istio-injection": "enabled", **PART_OF}}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    yield _account(namespace, account)
    yield _caller(namespace, account, image)


def workloads(stack: Settings, image: str) -> Iterator[dict[str, Any]]:
    """Every app in every version, and a neighbour in each of their namespaces."""
    for namespace in sorted({app.namespace for app in stack.apps.values()}):
        yield _account(namespace, NEIGHBOUR)
        yield _caller(namespace, NEIGHBOUR, image)
    for app in stack.apps.values():
        yield _account(app.namespace, app.identity_name)
        if app.service is None:
            yield _caller(app.namespace, app.identity_name, image, app.pod_labels)
            continue
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": app.service_name, "namespace": app.namespace, "labels": PART_OF},
            "spec": {
                "selector": app.pod_labels,
                "ports": [{"name": "http", "port": app.service.port, "targetPort": _port(app)}],
            },
        }
        for version, labels in _versions(app).items():
            yield _app(app, version, labels, image)


def _port(app: AppSpec) -> int:
    assert app.service is not None
    return app.service.target_port or app.service.port


def _versions(app: AppSpec) -> Mapping[str, Mapping[str, str]]:
    versions = {name: version.labels or {"version": name} for name, version in app.versions.items()}
    return versions or {"only": {}}


def _app(app: AppSpec, version: str, labels: Mapping[str, str], image: str) -> dict[str, Any]:
    port = _port(app)
    container = {
        "args": ["-m", "lab.workloads.echo_server"],
        "env": [
            {"name": "APP_NAME", "value": app.name},
            {"name": "APP_VERSION", "value": version},
            {"name": "APP_PORT", "value": str(port)},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 2, "failureThreshold": 30},
    }
    carried = {**app.pod_labels, **labels, APP_LABEL: app.name}
    return _deployment(app.namespace, f"{app.name}-{version}", app.identity_name, carried, container, image)


def _caller(namespace: str, account: str, image: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    container = {"args": ["-m", "lab.workloads.caller"]}
    return _deployment(namespace, account, account, {**(labels or {"app": account})}, container, image)


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
