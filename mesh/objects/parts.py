"""Lists that grow with the number of apps at a gateway, in parts small enough for an object each.

The API server stores no object beyond 1.5 MiB (`--max-request-bytes` of etcd:
https://etcd.io/docs/latest/dev-guide/limit/), and Istio's webhook has ten seconds to judge one. A megabyte of
EnvoyFilter takes two of them while istiod has nothing else to do; 2.4 were not judged in time while it sent a
gateway's new apps.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from chatgpt_mesh.istio_api.networking import EnvoyFilter_EnvoyConfigObjectPatch
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

STORED = 1536 * 1024
"""Bytes of the largest object that the API server stores."""
LARGEST = 256 * 1024
"""Bytes of JSON in one part: some three hundred answers of a gateway."""

Element = TypeVar("Element")


def parts(
    elements: Iterable[Element], written: Callable[[Element], object], room: int | None = None
) -> Iterator[list[Element]]:
    """The elements in their order; a part has at least one.

    Args:
        elements: Any number.
        written: What an element comes to in the object, as plain data.
        room: Bytes of JSON in one part, of an object that has less room than LARGEST.
    """
    largest = LARGEST if room is None else min(room, LARGEST)
    part: list[Element] = []
    size = 0
    for element in elements:
        added = len(json.dumps(written(element)))
        if part and size + added > largest:
            yield part
            part, size = [], 0
        part.append(element)
        size += added
    if part:
        yield part


def numbered(name: str, number: int) -> str:
    """The name of one of several objects: the first has the name that it would have alone."""
    return name if number == 1 else f"{name}-{number}"


def envoy_filters(
    gateway: GatewaySpec,
    name: str,
    divided: Iterable[Iterable[EnvoyFilter_EnvoyConfigObjectPatch]],
    annotations: Mapping[str, str] | None = None,
) -> Iterator[Owned]:
    """The objects of a gateway with these patches, applied one after the other.

    Args:
        gateway: Whose proxies are patched.
        name: Of the first.
        divided: The patches of each.
        annotations: Of each.
    """
    for number, patches in enumerate(divided, start=1):
        spec = envoy_patches.envoy_filter(patches, gateway.pod_labels, part=number)
        metadata = ObjectMeta(name=numbered(name, number), namespace=gateway.home, annotations=annotations or {})
        yield Owned(Resource(metadata=metadata, spec=spec), gateway.declared_at)


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
