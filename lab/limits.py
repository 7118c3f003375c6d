"""The rate limit service and a Redis, for tests that count over several gateways: programs and images.

The service is built from its Go module, and Redis is Debian's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import debian
from lab.docker_archive import Image, Layer, shared_libraries
from lab.images import base_layer
from lab.runtime import Runtime
from lab.toolchain import LIMIT_FAMILIES

if TYPE_CHECKING:
    from lab.screen import Screen
    from lab.state import State
    from lab.toolchain import Toolchain

SERVICE_IMAGE = "docker.io/chatgpt-mesh-lab/ratelimit:lab"
REDIS_IMAGE = "docker.io/chatgpt-mesh-lab/redis:lab"
REDIS_HOST = "redis.outside-mesh.svc.cluster.local"


def ensure_images(state: State, toolchain: Toolchain, screen: Screen) -> None:
    """Build and import what is not there.

    Raises:
        LabError: something cannot be had.
    """
    toolchain.ensure(LIMIT_FAMILIES, screen)
    debian.ensure_packages(screen, debian.REDIS_PACKAGES)
    runtime = Runtime(state)
    present = runtime.image_names()
    for image in (_service(toolchain), _redis()):
        runtime.ensure(image, present)


def _service(toolchain: Toolchain) -> Image:
    layers = [base_layer(), Layer(files={"/bin/ratelimit": toolchain.path("ratelimit")})]
    return Image(SERVICE_IMAGE, layers, ("/bin/ratelimit",), "65532:65532")


def _redis() -> Image:
    program = Path(debian.command("redis-check-rdb")).resolve()
    # It is a server where it is called one.
    layer = Layer(files={"/bin/redis-server": program, **shared_libraries(program)})
    return Image(REDIS_IMAGE, [base_layer(), layer], ("/bin/redis-server",), "65532:65532")


def redis_manifests() -> list[dict[str, Any]]:
    """A Redis outside the mesh, without password and TLS, and without a word on disk."""
    name, _, home = REDIS_HOST.partition(".")
    metadata = {"name": name, "namespace": home.partition(".")[0], "labels": {"app": name}}
    container = {
        "name": "redis",
        "image": REDIS_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--dir", "/tmp"],  # noqa: S108
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
    }
    template = {
        "metadata": {"labels": {"app": name, "sidecar.istio.io/inject": "false"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": name}, "ports": [{"name": "tcp-redis", "port": 6379}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
        },
    ]
