"""A receiver of traces on the cluster, under the names that a stack's providers have: its image and its objects.

It is no part of the mesh, as collectors often are: a namespace without sidecars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab import images
from lab.docker_archive import Image
from lab.runtime import Runtime
from lab.workloads.trace_receiver import GRPC_PORT, HTTP_PORT, ZIPKIN_PORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.state import State

NAME, IMAGE = "trace-receiver", "docker.io/chatgpt-mesh-lab/trace-receiver:lab"
PACKAGES = ("grpcio", "opentelemetry-proto")
MODULES = ("caller", "request", "trace_receiver")

PORTS = (("grpc-otlp", GRPC_PORT), ("http-otlp", HTTP_PORT), ("http-zipkin", ZIPKIN_PORT))
"""By name and number. The name says the protocol to Istio: without `grpc-` the proxy would speak HTTP/1.1 there."""


def ensure_image(state: State) -> None:
    """Build and import what is not there.

    Raises:
        LabError: containerd said no.
    """
    layers = [
        images.base_layer(),
        images.interpreter_layer(),
        images.packages_layer(PACKAGES),
        images.sample_layer(MODULES),
    ]
    image = Image(IMAGE, layers, ("/usr/local/bin/python",), images.WORKLOAD_USER, images.WORKLOAD_ENVIRONMENT)
    runtime = Runtime(state)
    runtime.ensure(image, runtime.image_names())


def manifests(services: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Namespaces, the Deployment in the first of them, and a Service of each name, such as
    `otel-collector.observability.svc.cluster.local`. All are of one namespace, which the Deployment is in."""
    names = [service.split(".")[:2] for service in services]
    (namespace,) = {namespace for _, namespace in names}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    labels = {"app": NAME}
    for name, _ in names:
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"name": port, "port": number} for port, number in PORTS]},
        }
    container = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-m", "lab.workloads.trace_receiver"],
        "readinessProbe": {"tcpSocket": {"port": GRPC_PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    template = {
        "metadata": {"labels": {**labels, "sidecar.istio.io/inject": "false"}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "terminationGracePeriodSeconds": 1,
        },
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }
