"""CORS of a route: https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import CorsPolicy, CorsPolicy_UnmatchedPreflights, StringMatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatgpt_mesh.mesh.specs.cors import CorsSpec


def cors_policy(
    spec: CorsSpec, methods: Sequence[str], request_headers: Sequence[str], response_headers: Sequence[str]
) -> CorsPolicy | None:
    """None without origins: every request with an Origin has been refused then (`mesh.objects.auth.denials`)."""
    if not spec.origins:
        return None
    return CorsPolicy(
        allow_origins=[StringMatch(exact=origin) for origin in spec.origins],
        allow_methods=methods,
        allow_headers=list(dict.fromkeys([*request_headers, *spec.request_headers])),
        expose_headers=list(dict.fromkeys([*response_headers, *spec.response_headers])),
        max_age=spec.max_age,
        allow_credentials=spec.credentials or None,
        unmatched_preflights=CorsPolicy_UnmatchedPreflights.IGNORE,
    )
