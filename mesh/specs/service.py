"""The Kubernetes Service of an app, and how its server keeps connections."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.kubernetes_names import ServiceName
from chatgpt_mesh.mesh.specs.spec import Duration, PortNumber, Spec, within


class ServiceSpec(Spec):
    """The app's Kubernetes Service, which its team owns."""

    name: ServiceName | None = None
    """Name. Default: the app's."""
    port: PortNumber
    """Port of the Service."""
    target_port: PortNumber | None = None
    """Port of the container. Default: the same."""
    keep_alive_timeout: Annotated[Duration, within("1s", "24h")] | None = Field(default=timedelta(seconds=5))
    """Idle time after which the app closes a connection: `timeout_keep_alive` of uvicorn and `keepAliveTimeout` of
    Node, both 5s; gunicorn's `keepalive`, 2s. Its own sidecar lets go a second before, since a request that meets a
    connection on its way down is answered 503, and a POST cannot be sent again. null: it closes none."""
