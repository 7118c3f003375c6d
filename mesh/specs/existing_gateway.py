"""A gateway whose pods somebody else runs: only what is written for it comes from this stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.gateway_workload import is_address
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_that
from chatgpt_mesh.mesh.specs.spec import Count, DnsLabel, Labels, Spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


_HOST = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def _address_refusal(text: str) -> str | None:
    if is_address(text) or _HOST.fullmatch(text):
        return None
    return "must be an IP address or a host name such as edge.example.com"


Reachable = Annotated[str, text_that(_address_refusal)]
"""An IP address or a host name."""


class ExistingGatewaySpec(Spec):
    """A gateway that is there: no chart, no namespace. Its listeners, routes and policies are this stack's."""

    labels: Labels = {}
    """Labels of its pods, by which listeners and policies find them. Default: the gateway chart's label `istio`, which
    is the release without its prefix istio-."""
    service_account: DnsLabel | None = None
    """Service account of its pods, which is their identity to the apps. Default: the release."""
    address: Reachable | None = None
    """Address or name by which clients reach it, for the output gateways.NAME.address; it is not asked of the
    cluster."""
    replicas: Count | None = Field(default=None, ge=1)
    """Lowest number of its pods; needed where an app's rate limit is counted per gateway."""


def problems(
    path: str, spec: ExistingGatewaySpec, *, said: Collection[str], counted_by: str | None
) -> Iterator[Problem]:
    """What is missing to find the gateway, and what only its owner can set.

    `said`: the gateway's settings that the stack file sets; `counted_by`: an app of which it counts a rate limit.
    """
    for field, what in (("namespace", "the namespace of its pods"), ("release", "the name of its Service")):
        if field not in said:
            yield Problem(f"{path}.{field}", f"must be said of a gateway that is there: {what}")
    for field in ("workload", "trusted_proxies"):
        if field in said:
            yield Problem(
                f"{path}.{field}",
                "is set by whoever runs the gateway; remove it, or remove existing and let this stack run one",
            )
    if counted_by is not None and spec.replicas is None:
        yield Problem(
            f"{path}.existing.replicas",
            f"must be said: {counted_by}.rate_limit is counted per gateway and divided by its pods, whose number "
            "somebody else decides on; or count it globally",
        )
