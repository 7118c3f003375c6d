"""Servers and callers for the apps of any declaration: what their teams would deploy, with this lab's sample programs.

An app with an MCP endpoint gets the sample MCP server, any other one that echoes, on the container's port and with the
labels that the declaration promises; an app that only calls others gets a pod that sends what it is told to.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.service import ServiceSpec

DEPLOYMENT_LABEL = "lab/deployment"
_LOWEST_PORT_WITHOUT_PRIVILEGE = 1024
_LONGEST_LABEL, _DIGITS = 63, 8
_NEVER_SECONDS = 10**8


def workloads(apps: Iterable[AppSpec], *, image: str, digest: str) -> Iterator[dict[str, Any]]:
    """ServiceAccounts, Services and Deployments of apps, in the order in which to apply them.

    Args:
        image: Of the sample programs.
        digest: Names the image's content; a new one restarts the pods.
    """
    apps = list(apps)
    for app in apps:
        metadata = {"name": app.identity_name, "namespace": app.namespace}
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    for app in apps:
        if app.service is not None:
            ports = [{"name": "http", "port": app.service.port, "targetPort": _container_port(app.service)}]
            yield {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": app.service_name, "namespace": app.namespace},
                "spec": {"selector": dict(app.pod_labels), "ports": ports},
            }
    for app in apps:
        if app.service is None:
            yield _deployment(app, "", app.pod_labels, {"args": ["-m", "lab.workloads.caller"]}, image, digest)
            continue
        for version, labels in _versions(app).items():
            server = _server(app, app.service, version)
            yield _deployment(app, version, {**app.pod_labels, **labels}, server, image, digest)


def _container_port(service: ServiceSpec) -> int:
    return service.target_port or service.port


def _keep_alive_seconds(service: ServiceSpec) -> int:
    declared = service.keep_alive_timeout
    return _NEVER_SECONDS if declared is None else math.ceil(declared.total_seconds())


def _versions(app: AppSpec) -> Mapping[str, Mapping[str, str]]:
    return {name: version.labels or {"version": name} for name, version in app.versions.items()} or {"": {}}


def _server(app: AppSpec, service: ServiceSpec, version: str) -> dict[str, Any]:
    port = _container_port(service)
    module = "mcp_server" if app.mcp else "echo_server"
    mcp = [{"name": "MCP_PATH", "value": app.mcp.path}] if app.mcp else []
    return {
        "args": ["-m", f"lab.workloads.{module}"],
        "env": [
            {"name": "APP_NAME", "value": app.name},
            {"name": "APP_VERSION", "value": version},
            {"name": "APP_PORT", "value": str(port)},
            {"name": "APP_KEEP_ALIVE", "value": str(_keep_alive_seconds(service))},
            *mcp,
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 2, "failureThreshold": 30},
    }


def _name(app: AppSpec, version: str) -> str:
    """Of a Deployment: the app's, which may be as long as a label, and its version's."""
    name = f"{app.name}-{version}" if version else app.name
    if len(name) <= _LONGEST_LABEL:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST_LABEL - _DIGITS - 1]}-{digest}"


def _deployment(
    app: AppSpec, version: str, labels: Mapping[str, str], container: Mapping[str, Any], image: str, digest: str
) -> dict[str, Any]:
    server = {
        "name": "app",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **container,
    }
    pod = {
        "serviceAccountName": app.identity_name,
        "automountServiceAccountToken": False,
        "securityContext": _pod_security(app),
        "containers": [server],
    }
    annotations = {
        "lab/workload-digest": digest,
        "sidecar.istio.io/proxyCPU": "10m",
        "sidecar.istio.io/proxyMemory": "64Mi",
    }
    name = _name(app, version)
    template = {"metadata": {"labels": {**labels, DEPLOYMENT_LABEL: name}, "annotations": annotations}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": app.namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {DEPLOYMENT_LABEL: name}}, "template": template},
    }


def _pod_security(app: AppSpec) -> dict[str, Any]:
    security: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if app.service is not None and _container_port(app.service) < _LOWEST_PORT_WITHOUT_PRIVILEGE:
        # Nobody but root may listen below it, and the sample programs are not root.
        sysctl = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
        security["sysctls"] = [sysctl]
    return security
