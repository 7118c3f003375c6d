"""How the rate limit service reaches its Redis, whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi

    from chatgpt_mesh.mesh.specs.rate_limit_deployment import RedisSpec

PASSWORD_KEY, CA_KEY = "password", "ca.crt"  # keys of a Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAccess:
    """Where the counts are, and what it takes to get there."""

    address: pulumi.Input[str]
    """HOST:PORT."""
    port: int
    tls: bool
    password_secret: str | None = None
    """Secret of the service's namespace with `password`."""
    ca_secret: str | None = None
    """Secret of the service's namespace with `ca.crt`."""
    verify_name: bool = True
    """Whether its certificate has its name."""


def declared_redis(redis: RedisSpec) -> RedisAccess:
    return RedisAccess(
        address=f"{redis.host}:{redis.port}",
        port=redis.port,
        tls=redis.tls,
        password_secret=redis.password_secret,
        ca_secret=redis.ca_secret,
    )
