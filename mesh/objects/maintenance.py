"""The one answer of a host under maintenance.

It stands before the routes of the host, which stay: nothing but this one route comes and goes, so no policy changes and
no stream is cut, and the tokens, policies and filters of the routes are in force when the host opens again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest
from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.matches import PRESENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.istio_api.networking import HTTPRoute
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.maintenance import AppMaintenanceSpec


def closed(app: AppSpec, spec: AppMaintenanceSpec) -> Iterator[HTTPRoute]:
    """503 for every path and method; a page of a declared origin may read it."""
    headers = {
        "content-type": spec.content_type,
        "retry-after": str(math.ceil(spec.retry_after.total_seconds())),
        # What a cache in between keeps would be there after the end.
        "cache-control": "no-store",
    }
    name = f"{app.name}.maintenance"
    if app.cors.origins:
        # Any other Origin than those listed has been refused before this.
        readable = {
            "access-control-allow-origin": "%REQ(ORIGIN)%",
            "access-control-expose-headers": "retry-after",
            "vary": "origin",
        }
        yield answer(name, [HTTPMatchRequest(headers={"origin": PRESENT})], 503, {**headers, **readable}, spec.body)
    yield answer(name, [], 503, headers, spec.body)
