"""How large the body of a request may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from chatgpt_mesh.mesh.specs.kubernetes_names import amount
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALLEST, LARGEST = 1024, 1024**3


def body_bytes(text: str) -> int | None:
    """Whole bytes of a size such as `1Mi`, or None where it is none."""
    size = amount(text)
    return int(size) if size is not None and size == int(size) else None


def _checked(text: str) -> str:
    size = body_bytes(text)
    if size is None or not SMALLEST <= size <= LARGEST:
        raise refuse('must be whole bytes from "1Ki" to "1Gi" with a suffix of Kubernetes: "64Ki", "1Mi", "10M"')
    return text


BodySize = Annotated[str, AfterValidator(_checked)]
"""Bytes as a Kubernetes quantity: `64Ki`, `1Mi`."""


def problems(path: str, *, exposed: bool, flagger: bool) -> Iterator[Problem]:
    """`exposed`: the app has a host; `flagger`: that controller makes its routes."""
    if not exposed:
        yield Problem(path, "is held at the app's hosts, and it has none; give it host and gateway, or remove it")
    elif flagger:
        yield Problem(path, "needs the routes of the host, which flagger makes; let the stack manage the weights")
