"""Istio's Helm charts, each a Pulumi component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_kubernetes.helm import v4 as helm

if TYPE_CHECKING:
    import pulumi

    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.components.specs.istio import ChartSource
    from chatgpt_mesh.istio_api.message import ChartValues


def chart(
    name: str,
    source: ChartSource,
    *,
    release: str,
    namespace: str,
    values: ChartValues,
    sealed: Sealing,
    opts: pulumi.ResourceOptions,
) -> helm.Chart:
    """The chart that the values are for, from a directory or a repository.

    `helm.v4.Chart` and not a release: previews then show which object changes.
    """
    shown = sealed(values.to_dict())
    if source.directory is not None:
        return helm.Chart(name, chart=source.path(values), name=release, namespace=namespace, values=shown, opts=opts)
    return helm.Chart(
        name,
        chart=values.CHART,
        name=release,
        namespace=namespace,
        version=source.version,
        repository_opts=helm.RepositoryOptsArgs(repo=source.repository),
        values=shown,
        opts=opts,
    )
