"""Quotas and rights of the namespaces in which apps run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.components.specs.namespace import NamespaceSpec, QuotaSpec


def manifests(name: str, spec: NamespaceSpec) -> Iterator[dict[str, Any]]:
    """The objects that a namespace's settings stand for."""
    if spec.quota is not None:
        metadata = {"name": "apps", "namespace": name}
        yield {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard(spec.quota)}}
    for role, groups in (("edit", spec.editors), ("view", spec.viewers)):
        if groups:
            group = "rbac.authorization.k8s.io"
            yield {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"people-{role}", "namespace": name},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": group, "kind": "Group", "name": person} for person in groups],
            }


def hard(quota: QuotaSpec) -> dict[str, str]:
    """Limits by the names that Kubernetes gives them."""
    limits = {
        "pods": quota.pods,
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "services.loadbalancers": quota.load_balancers,
        "services.nodeports": quota.node_ports,
    }
    return {name: str(limit) for name, limit in limits.items() if limit is not None}


def tenancy(
    specs: Mapping[str, NamespaceSpec], namespaces: Mapping[str, pulumi.Resource], opts: pulumi.ResourceOptions
) -> None:
    """Registers them, each after its namespace; one that is not in `namespaces` is there already."""
    for name, spec in specs.items():
        for manifest in manifests(name, spec):
            own = pulumi.ResourceOptions(depends_on=[namespaces[name]] if name in namespaces else None)
            KubernetesObject(
                f"{name}-{manifest['metadata']['name']}", manifest, pulumi.ResourceOptions.merge(opts, own)
            )
