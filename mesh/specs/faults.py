"""Faults on purpose, for callers in the mesh and only where the stack allows them: never through a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Duration, HeaderName, Percent, Spec, within
from chatgpt_mesh.mesh.specs.words import HeaderWord

if TYPE_CHECKING:
    from collections.abc import Iterator


class FaultSpec(Spec):
    """A fault for requests that carry a header. At least one of delay and abort."""

    header: HeaderName = "x-test-fault"
    """The request header that asks for the fault."""
    value: HeaderWord
    """The value that it must have."""
    delay: Annotated[Duration, within("1ms", "1h")] | None = None
    """Wait this long before the request goes on."""
    abort: int | None = Field(default=None, ge=400, le=599)
    """Answer with this status instead of the app."""
    percent: Percent = 100
    """Share of those requests that get the fault."""


def problems(path: str, faults: tuple[FaultSpec, ...], *, allowed: bool) -> Iterator[Problem]:
    if faults and not allowed:
        yield Problem(
            path,
            "this stack does not allow fault injection; remove it, or set faults_allowed: true in a stack "
            "that is not production",
        )
    firsts: dict[tuple[str, str], int] = {}
    for index, fault in enumerate(faults):
        first = firsts.setdefault((fault.header, fault.value), index)
        if first != index:
            yield Problem(
                f"{path}.{index}.value",
                f"faults.{first} takes the requests with this header and value; give this one a value of its own",
                fault.value,
            )
        if fault.delay is None and fault.abort is None:
            yield Problem(f"{path}.{index}", "needs delay, abort or both")
