"""The rate limit service and its Redis, where this stack runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec, is_address, resource_problems
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, ObjectName
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import Cidr, PortNumber, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "docker.io/envoyproxy/ratelimit:3fb70258"
"""The project has no releases; its images are named after commits of the main branch."""

if TYPE_CHECKING:
    ServerName = str
    Image = str
else:
    ServerName = text_like(
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
        "must be the name or address of a server, without scheme and port, such as redis.data.svc.cluster.local",
        longest=253,
        examples=["redis.data.svc.cluster.local"],
        further=lambda name: "is no address" if name.rpartition(".")[2].isdecimal() and not is_address(name) else None,
    )
    Image = text_like(
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?",
        f"must be an image with its registry, and a tag or digest, such as {IMAGE}",
        longest=500,
        examples=[IMAGE],
        further=lambda image: (
            None
            if ":" in image.rpartition("/")[2]
            else "has no tag and no digest, so that every start may bring another"
        ),
    )


class RedisSpec(Spec):
    """A Redis that is there already."""

    host: ServerName
    """Its name or address, which no Service of the mesh needs to have."""
    port: PortNumber = 6379
    """Its port. The service's sidecar leaves connections to it alone."""
    tls: bool = True
    """Whether it is spoken to by TLS. Security: without, whoever is on the way reads subjects and writes counts."""
    password_secret: ObjectName | None = None
    """Secret of the service's namespace with its password, as `password`."""
    ca_secret: ObjectName | None = None
    """Secret of the service's namespace with the CA of its certificate, as `ca.crt`. Default: the public ones."""


class MemorystoreSpec(Spec):
    """A Redis of Google's that this stack makes in its network, with a password and TLS; cluster.kind gke.

    https://cloud.google.com/memorystore/docs/redis/redis-overview
    """

    tier: Literal["standard_ha", "basic"] = "standard_ha"
    """standard_ha: a second zone takes over. basic: one machine, and its counts go with it."""
    memory_gb: Annotated[int, Field(ge=1, le=300)] = 1
    """Memory in GiB. A count takes about 150 bytes, for as long as its window."""
    version: Literal["redis_7_2", "redis_7_0", "redis_6_x"] = "redis_7_2"
    """Version of Redis."""
    range: Cidr | None = None
    """Range of /29 for it in the network, outside those of nodes, pods and services. Default: Google chooses one."""


class RateLimitResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of each pod's own container."""

    cpu: Cpu = "100m"
    """Requested CPU."""
    memory: Memory = "64Mi"
    """Requested memory."""
    memory_limit: Memory | None = "256Mi"
    """Limit of memory."""


class RateLimitDeploymentSpec(Spec):
    """Its pods and where they keep their counts. Exactly one of redis and memorystore."""

    image: Image = IMAGE
    """Its image, with tag or digest."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 2
    """Pods. They share the counts, so more of them let no more pass."""
    resources: RateLimitResourcesSpec = RateLimitResourcesSpec()
    """Requests and limits of each pod."""
    redis: RedisSpec | None = None
    """A Redis that is there already."""
    memorystore: MemorystoreSpec | None = None
    """One that this stack makes; `memorystore: {}`."""


def problems(path: str, spec: RateLimitDeploymentSpec) -> Iterator[Problem]:
    if (spec.redis is None) == (spec.memorystore is None):
        yield Problem(path, "needs exactly one of redis (one that is there) and memorystore (one that is made on GKE)")
    if spec.redis is not None and spec.redis.ca_secret is not None and not spec.redis.tls:
        yield Problem(f"{path}.redis.ca_secret", "is for TLS, which redis.tls turns off; remove one of them")
    if spec.memorystore is not None and spec.memorystore.range is not None:
        prefix = int(spec.memorystore.range.rpartition("/")[2])
        if prefix != 29:
            yield Problem(f"{path}.memorystore.range", "must be a range of /29", spec.memorystore.range)
    yield from resource_problems(f"{path}.resources", spec.resources)
