"""The Istio objects that a cluster has, where what runs is compared with its stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.review.changes.difference import names_of, of_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.review.changes.difference import Changes
    from chatgpt_mesh.review.version import Version


class ObjectsApi(Protocol):
    """The little of a cluster that is read."""

    def objects(self, group: str, version: str, plural: str) -> Sequence[Mapping[str, Any]]:
        """All objects of a kind; none where the kind is not served."""
        ...


def running_objects(api: ObjectsApi, namespaces: frozenset[str]) -> list[dict[str, Any]]:
    """Every Istio object in some namespaces, as the API server keeps it, without what it writes itself."""
    found: list[dict[str, Any]] = []
    for name, kind in KINDS.items():
        for item in api.objects(kind.group, kind.served[0], _plural(name)):
            metadata: Mapping[str, Any] = item["metadata"]
            if metadata["namespace"] in namespaces:
                kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if key in metadata}
                found.append(
                    {
                        "apiVersion": f"{kind.group}/{kind.served[0]}",
                        "kind": name,
                        "metadata": kept,
                        "spec": item.get("spec") or {},
                    }
                )
    return found


def _plural(kind: str) -> str:
    """`AuthorizationPolicy` is served as `authorizationpolicies`, `Gateway` as `gateways`."""
    name = kind.lower()
    return f"{name[:-1]}ies" if re.search(r"[^aeiou]y$", name) else f"{name}s"


def against_cluster(version: Version, api: ObjectsApi) -> Changes:
    """What has become of the stack in the cluster by other hands, or is not there yet: from the stack to the cluster.

    Only Istio's own objects are read; Services, workloads and charts are taken as the declaration has them on both
    sides.
    """
    kinds = KINDS.keys()
    declared = [made for made in version.objects if made["kind"] in kinds]
    homes = frozenset(made["metadata"]["namespace"] for made in declared) | frozenset(version.mesh.graph.own_namespaces)
    running = running_objects(api, homes)
    return of_objects(
        version.seen([*declared, *version.surroundings]),
        version.seen([*running, *version.surroundings]),
        before_name=version.name,
        now_name="the cluster",
        names=names_of(version),
    )
