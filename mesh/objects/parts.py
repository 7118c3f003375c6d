"""Lists that grow with the number of apps at a gateway, in parts small enough for an object each.

The API server stores no object beyond 1.5 MiB (`--max-request-bytes` of etcd:
https://etcd.io/docs/latest/dev-guide/limit/), and Istio's webhook has ten seconds to judge one, of which a megabyte of
EnvoyFilter takes two on an idle control plane and all on a busy one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chatgpt_mesh.mesh.objects.owned import Owned

STORED = 1536 * 1024
"""Bytes of the largest object that the API server stores."""
LARGEST = 256 * 1024
"""Bytes of JSON in one part: some three hundred answers of a gateway."""

Element = TypeVar("Element")


def parts(elements: Iterable[Element], written: Callable[[Element], object]) -> Iterator[list[Element]]:
    """The elements in their order; a part has at least one.

    Args:
        elements: Any number.
        written: What an element comes to in the object, as plain data.
    """
    part: list[Element] = []
    size = 0
    for element in elements:
        added = len(json.dumps(written(element)))
        if part and size + added > LARGEST:
            yield part
            part, size = [], 0
        part.append(element)
        size += added
    if part:
        yield part


def numbered(name: str, number: int) -> str:
    """The name of the object with a part, counted from 1; the first has the name that it would have alone."""
    return name if number == 1 else f"{name}-{number}"


def too_large(objects: Iterable[Owned]) -> Iterator[Problem]:
    """Objects that many apps share, and that the API server would refuse in the middle of an update."""
    for owned in objects:
        if not owned.declaration.startswith("apps."):
            size = len(json.dumps(owned.resource.to_dict()))
            if size > STORED:
                message = (
                    f"stands for {owned.resource.key} of {size / 1024**2:.1f} MiB, and the API server stores objects "
                    f"of at most {STORED / 1024**2:.1f} MiB; divide the apps among more gateways or stacks, or shorten "
                    "what is written out here, such as key sets (`jwks_uri` in place of `jwks`)"
                )
                yield Problem(owned.owner, message)
