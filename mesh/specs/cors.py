"""Browsers that may call an app: https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy

CORS alone refuses nothing: it tells a browser what it may read. The same list of origins is also enforced, with 403,
by an authorization policy (`mesh.objects.auth.denials`), as MCP asks of servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Duration, HeaderName, Many, OriginUrl, Spec, within

if TYPE_CHECKING:
    from collections.abc import Iterator


class CorsSpec(Spec):
    """Origins and what they may use."""

    origins: Many[OriginUrl] = ()
    """Exact origins. A request with any other Origin is answered 403; none listed: every request with an Origin is."""
    request_headers: Many[HeaderName] = ()
    """Headers beside those of MCP that scripts may send."""
    response_headers: Many[HeaderName] = ()
    """Headers beside those of MCP that scripts may read."""
    credentials: bool = False
    """Let browsers send cookies. Tokens in the Authorization header do not need it."""
    max_age: Annotated[Duration, within("1s", "24h", "no browser keeps it longer")] = Field(
        default="24h", validate_default=True
    )
    """How long a browser may keep the answer to a preflight."""


def problems(path: str, spec: CorsSpec) -> Iterator[Problem]:
    for index, origin in enumerate(spec.origins):
        if origin.startswith("http://") and not origin.startswith("http://localhost"):
            yield Problem(
                f"{path}.origins.{index}",
                "must be https: over plain http anybody on the way can be this origin",
                origin,
            )
