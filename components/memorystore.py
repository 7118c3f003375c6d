"""Google's Redis for the rate limit service's counts, and the Secret by which its pods reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_gcp as gcp

from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.redis_access import CA_KEY, PASSWORD_KEY, RedisAccess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatgpt_mesh.mesh.specs.rate_limit_deployment import MemorystoreSpec

TLS_PORT = 6378
"""The port of an instance with transit encryption.

https://cloud.google.com/memorystore/docs/redis/about-in-transit-encryption
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorystoreArgs:
    spec: MemorystoreSpec
    name: str
    region: str
    network: pulumi.Input[str]
    """Id of the VPC from which alone it can be reached."""
    labels: dict[str, str]


class Memorystore(pulumi.ComponentResource):
    """One instance."""

    def __init__(self, name: str, args: MemorystoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:Memorystore", name, None, opts)
        spec = args.spec
        self.instance = gcp.redis.Instance(
            args.name,
            name=args.name,
            region=args.region,
            tier=spec.tier.upper(),
            memory_size_gb=spec.memory_gb,
            redis_version=spec.version.upper(),
            authorized_network=args.network,
            connect_mode="DIRECT_PEERING",
            reserved_ip_range=spec.range,
            # The network alone would let every pod and machine in it read and write the counts.
            auth_enabled=True,
            # Subjects of tokens are in the keys.
            transit_encryption_mode="SERVER_AUTHENTICATION",
            # When it is full, the oldest windows are the ones to do without.
            redis_configs={"maxmemory-policy": "volatile-ttl"},
            labels=args.labels,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"host": self.instance.host})

    def access(self, secret: str) -> RedisAccess:
        """How the service's pods reach it, with what stands in that Secret."""
        return RedisAccess(
            address=pulumi.Output.concat(self.instance.host, ":", str(TLS_PORT)),
            port=TLS_PORT,
            tls=True,
            password_secret=secret,
            ca_secret=secret,
            # Its certificate is signed by a CA of the instance's own, and names no address.
            verify_name=False,
        )

    def secret(self, name: str, namespace: str, opts: pulumi.ResourceOptions) -> KubernetesObject:
        """Its password and its CA, in the service's namespace."""

        def authorities(found: Sequence[Any] | None) -> str:
            return "\n".join(str(one.cert) for one in found or ())

        data = {PASSWORD_KEY: self.instance.auth_string, CA_KEY: self.instance.server_ca_certs.apply(authorities)}
        manifest: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {key: pulumi.Output.secret(value) for key, value in data.items()},
        }
        return KubernetesObject(f"Secret/{namespace}/{name}", manifest, opts)
