"""A host that is closed for a while, and says so: 503 with `retry-after` (RFC 9110, sections 10.2.3 and 15.6.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.header_values import AnswerBody, MediaType
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Duration, Spec, within

if TYPE_CHECKING:
    from collections.abc import Iterator


class AppMaintenanceSpec(Spec):
    """What every path of the app's hosts answers, the MCP path included, with 503. `maintenance: {}` takes the
    defaults; without it everything is as it was."""

    body: AnswerBody = "This service is under maintenance. Please try again later.\n"
    """Text of the answer, 4096 bytes at most."""
    content_type: MediaType = "text/plain; charset=utf-8"
    """Type of the text."""
    retry_after: Annotated[Duration, within("1s", "168h", "clients that wait longer do not come back")] = Field(
        default=timedelta(minutes=5)
    )
    """Time after which a client may try again, in the header `retry-after`; rounded up to whole seconds."""


def problems(path: str, *, exposed: bool, flagger: bool) -> Iterator[Problem]:
    """`exposed`: the app has a host; `flagger`: that controller makes its routes."""
    if not exposed:
        yield Problem(path, "is for the app's hosts, and it has none; callers in the mesh are never answered by it")
    elif flagger:
        yield Problem(path, "needs the routes of the host, which flagger makes; let the stack manage the weights")
