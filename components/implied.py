"""What other teams and the charts put beside the Istio objects, as far as the declaration says.

The program does not register any of it. The checker judges by it: a route leads to a Service, a policy selects
a workload, a service account exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.components.specs.injection import Injection
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.security import MtlsExceptionSpec

Manifest = dict[str, Any]


def implied_objects(mesh: Mesh, injection: Injection) -> Iterator[Manifest]:
    """Namespaces, and the service account, Service and Deployments of each app and gateway."""
    for declared in mesh.namespaces:
        labels = dict(injection.labels) if declared.injected else {}
        yield _object("v1", "Namespace", declared.name, None, {}, labels)
    lent = {gateway.home for gateway in mesh.gateways.values() if gateway.existing is not None}
    for home in sorted(lent):
        yield _object("v1", "Namespace", home, None, {}, injection.labels)
    for gateway in mesh.gateways.values():
        yield from _gateway(gateway)
    if mesh.graph.failing_over:
        yield from _gateway(EAST_WEST)
    for app in mesh.spec.apps.values():
        yield from _app(app, mesh.spec.security.exceptions)
    yield from _strangers(mesh)


def _gateway(gateway: GatewaySpec) -> Iterator[Manifest]:
    name, home = gateway.release_name, gateway.home
    ports = [("status-port", 15021, 15021), *((port, number, number) for port, number in gateway.ports)]
    yield _object("v1", "ServiceAccount", gateway.service_account, home)
    yield _service(name, home, gateway.pod_labels, ports)
    numbers = [port for _, _, port in ports]
    # As the chart writes it: the gateway's template is what makes these pods a gateway, whatever they are called.
    template = {"inject.istio.io/templates": "gateway"}
    yield _deployment(name, home, gateway.pod_labels, gateway.service_account, numbers, template)


def _app(app: AppSpec, exceptions: Sequence[MtlsExceptionSpec]) -> Iterator[Manifest]:
    name, labels, account = app.name, app.pod_labels, app.identity_name
    target = [app.service.target_port or app.service.port] if app.service else []
    # An exception names a port that the container listens on beside that of the Service.
    listening = [*target, *(found.port for found in exceptions if found.workload == name and found.port not in target)]
    yield _object("v1", "ServiceAccount", account, app.namespace)
    if app.service is not None:
        pools = [app.resilience.pool, *(version.pool for version in app.versions.values() if version.pool)]
        speaks = "http2" if any(pool.http2 for pool in pools) else "http"
        ports = [(speaks, app.service.port, target[0])]
        yield _service(app.service_name, app.namespace, labels, ports)
    versions = {f"{name}-{version}": spec.labels or {"version": version} for version, spec in app.versions.items()}
    for deployment, further in (versions or {name: {}}).items():
        yield _deployment(deployment, app.namespace, {**labels, **further}, account, listening)


def _strangers(mesh: Mesh) -> Iterator[Manifest]:
    """Workloads that are no apps of the stack, and are known by an exception alone; accounts that call out."""
    apps = {(app.namespace, app.identity_name) for app in mesh.spec.apps.values()}
    callers = {
        (caller.namespace, caller.service_account)
        for destination in mesh.spec.egress.allow
        for caller in destination.from_
        if not isinstance(caller, str)
    }
    for namespace, account in sorted(callers - apps):
        yield _object("v1", "ServiceAccount", account, namespace)
    listening: dict[tuple[str, str], list[int]] = {}
    for found in mesh.spec.security.exceptions:
        if found.workload not in mesh.spec.apps:
            listening.setdefault((found.namespace, found.workload), []).append(found.port)
    for (namespace, workload), ports in listening.items():
        yield _deployment(workload, namespace, {"app": workload}, workload, ports)


def _service(name: str, namespace: str, labels: Mapping[str, str], ports: list[tuple[str, int, int]]) -> Manifest:
    spec = {
        "selector": dict(labels),
        "ports": [{"name": port, "port": number, "targetPort": target} for port, number, target in ports],
    }
    return _object("v1", "Service", name, namespace, {"spec": spec})


def _deployment(
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    account: str,
    ports: list[int],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    container = {"name": "main", "ports": [{"containerPort": port} for port in ports]}
    template = {
        "metadata": {"labels": dict(labels), **({"annotations": dict(annotations)} if annotations else {})},
        "spec": {"serviceAccountName": account, "containers": [container]},
    }
    spec = {"selector": {"matchLabels": dict(labels)}, "template": template}
    return _object("apps/v1", "Deployment", name, namespace, {"spec": spec})


def _object(
    api_version: str,
    kind: str,
    name: str,
    namespace: str | None,
    body: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **(body or {})}
