"""Istio that somebody else installs: settings that then mean nothing, and what has to be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from chatgpt_mesh.components.specs.cluster import ClusterSpec
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.security import SecuritySpec

_OF_THE_INSTALLATION = {
    "control_plane": "istiod is sized and set by whoever installs it",
    "cni": "the CNI plugin is theirs too",
    "revisions": "control planes are installed there; name the one that injects this stack in istio.injection",
    "tags": "tags are moved there; name the one that injects this stack in istio.injection",
    "validation": "which revision validates is decided there",
    "multi_cluster": "the names of mesh, cluster and network are values of their istiod",
}


def problems(read: Mapping[str, Any], unread: Set[str]) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name, `unread` the paths of those that did not."""
    cluster: ClusterSpec | None = read.get("cluster")
    istio: IstioSpec | None = read.get("istio")
    gateways: Mapping[str, GatewaySpec] = read.get("gateways", {})
    made_here = cluster is not None and cluster.kind == "gke"
    for name, gateway in gateways.items():
        if made_here and gateway.existing is not None:
            yield Problem(
                f"gateways.{name}.existing",
                "cannot be on a cluster that this stack makes (cluster.kind gke); let the stack run the gateway, or "
                "adopt the cluster with cluster.kind existing",
            )
    if istio is None or istio.install:
        return
    if made_here:
        yield Problem(
            "istio.install",
            "must be true on a cluster that this stack makes (cluster.kind gke), where nobody can have installed Istio "
            "before; or adopt the cluster with cluster.kind existing",
            False,
        )
    for field, whose in _OF_THE_INSTALLATION.items():
        if field in istio.model_fields_set:
            yield Problem(
                f"istio.{field}",
                f"means nothing with istio.install false: {whose}; remove it, or write null over what a parent says",
            )
    for field in ("hub", "tag"):
        if getattr(istio.images, field) is not None:
            yield Problem(
                f"istio.images.{field}",
                "means nothing with istio.install false: a gateway's image is chosen by the injector of that Istio; "
                "remove it",
            )
    security: SecuritySpec | None = read.get("security")
    said = security is not None and "scope" in security.model_fields_set
    if not said and "security" not in unread:
        yield Problem(
            "security.scope",
            "must be said with istio.install false: namespaces keeps everything within those of this stack, mesh sets "
            "the defaults of every other team too",
        )
