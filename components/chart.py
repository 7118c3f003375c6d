"""Istio's Helm charts, each a Pulumi component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_kubernetes.helm import v4 as helm

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from components.specs.istio import ChartSource


def chart(
    name: str,
    chart_name: str,
    source: ChartSource,
    *,
    release: str,
    namespace: str,
    values: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
) -> helm.Chart:
    """One of Istio's charts (`base`, `istiod`, `cni`, `gateway`), from a directory or a repository.

    `helm.v4.Chart` and not a release: previews then show which object changes.
    """
    if source.directory is not None:
        return helm.Chart(
            name, chart=source.path(chart_name), name=release, namespace=namespace, values=values, opts=opts
        )
    return helm.Chart(
        name,
        chart=chart_name,
        name=release,
        namespace=namespace,
        version=source.version,
        repository_opts=helm.RepositoryOptsArgs(repo=source.repository),
        values=values,
        opts=opts,
    )
