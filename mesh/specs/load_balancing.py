"""How a client proxy picks a pod:
https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import Duration, HeaderName, Many, Spec, within
from chatgpt_mesh.mesh.specs.words import CookieName, QueryName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.specs.resilience import OutlierSpec


if TYPE_CHECKING:
    RegionName = str
    Locality = str
else:
    RegionName = text_like(
        r"[a-z0-9]([-a-z0-9._]*[a-z0-9])?",
        "must be a region as nodes are labelled with it, such as us-central1",
        longest=63,
        examples=["us-central1"],
    )
    Locality = text_like(
        r"[a-z0-9]([-a-z0-9._]*[a-z0-9])?(/[a-z0-9]([-a-z0-9._]*[a-z0-9])?){0,2}(/\*)?",
        "must be a place as nodes are labelled with it: REGION, REGION/ZONE, or REGION/* for all of its zones",
        longest=200,
        examples=["us-central1/us-central1-a", "us-central1/*"],
    )


class HashSpec(Spec):
    """Send equal keys to the same pod, as long as the pods stay the same. Exactly one key."""

    header: HeaderName | None = None
    """A request header."""
    cookie: CookieName | None = None
    """A cookie, set by the proxy when the client has none."""
    cookie_ttl: Annotated[Duration, within("1s", "8760h")] | None = None
    """Life of the cookie. Default: the browser's session."""
    source_ip: bool = False
    """The client's address. Behind a gateway that is the gateway's."""
    query: QueryName | None = None
    """A query parameter."""


class DistributeSpec(Spec):
    """Shares of the traffic that starts in one place."""

    from_: Locality = Field(alias="from")
    """Locality of the client: REGION/ZONE, or REGION/*."""
    to: dict[Locality, Annotated[int, Field(ge=1, le=100)]]
    """Whole percents by locality; they add up to 100."""


class FailoverSpec(Spec):
    """Where traffic of a region goes when its own pods are not healthy."""

    from_: RegionName = Field(alias="from")
    """Region of the client."""
    to: RegionName
    """Region that takes over."""


class LocalitySpec(Spec):
    """Prefer near pods. Needs `resilience.outlier`, by which proxies know that near pods are unhealthy."""

    failover: Many[FailoverSpec] = ()
    """Regions that take over for one another. Not together with distribute."""
    distribute: Many[DistributeSpec] = ()
    """Fixed shares. Not together with failover."""


class LoadBalancingSpec(Spec):
    """The algorithm, and where it looks first."""

    algorithm: Literal["least_request", "round_robin", "random"] = "least_request"
    """least_request suits calls of very different length, such as tool calls."""
    hash: HashSpec | None = None
    """Consistent hashing instead of the algorithm. An MCP session needs none: it stays with its pod (mcp.stateless)."""
    locality: LocalitySpec | None = None
    """Locality preference."""
    warmup: Annotated[Duration, within("1s", "24h")] | None = None
    """Time over which a new pod's share grows to the full one."""


def problems(path: str, spec: LoadBalancingSpec, *, outlier: OutlierSpec | None) -> Iterator[Problem]:
    """`outlier`: what takes pods of the same app or version out, since localities go by that."""
    if spec.hash is not None:
        keys = [k for k in (spec.hash.header, spec.hash.cookie, spec.hash.query) if k is not None]
        if len(keys) + spec.hash.source_ip != 1:
            yield Problem(f"{path}.hash", "needs exactly one of header, cookie, source_ip and query")
    if spec.locality is None:
        return
    if spec.locality.failover and spec.locality.distribute:
        yield Problem(f"{path}.locality", "takes failover or distribute, not both")
    if outlier is None:
        yield Problem(f"{path}.locality", "has no effect without resilience.outlier; declare it too")
    for index, move in enumerate(spec.locality.failover):
        if move.from_ == move.to:
            yield Problem(f"{path}.locality.failover.{index}.to", "must be another region than from", move.to)
    for index, share in enumerate(spec.locality.distribute):
        if sum(share.to.values()) != 100:
            yield Problem(
                f"{path}.locality.distribute.{index}.to", "percents must add up to 100", sum(share.to.values())
            )
