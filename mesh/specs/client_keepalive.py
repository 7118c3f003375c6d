"""TCP keepalive of a gateway's clients.

A tool call may be silent for minutes, and between client and gateway is a load balancer that forgets a silent
connection: https://cloud.google.com/load-balancing/docs/passthrough-load-balancer-backend-connection-tracking
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from chatgpt_mesh.mesh.specs.scalar import refuse
from chatgpt_mesh.mesh.specs.spec import Duration, Spec, within


def _whole_seconds(span: timedelta) -> timedelta:
    if span % timedelta(seconds=1):
        raise refuse("must be whole seconds, which is what the kernel takes")
    return span


Probed = Annotated[
    Duration,
    within("1s", "590s", "Google's load balancer forgets a connection that is silent for 600 s"),
    AfterValidator(_whole_seconds),
]
"""A time without a word from the client."""


class ClientKeepaliveSpec(Spec):
    """When a gateway asks the kernel of a silent client whether it is there. What is sent is no request."""

    time: Probed = Field(default="120s", validate_default=True)
    """Silence before the first probe."""
    interval: Probed = Field(default="30s", validate_default=True)
    """Time between probes that nobody answers."""
    probes: int = Field(default=4, ge=1, le=100)
    """Unanswered probes after which the connection is closed. Security: a stream whose client has vanished without a
    word, such as a laptop that was shut, holds its place in the app's pool for ever: streams have no timeout."""
