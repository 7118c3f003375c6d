"""Namespaces with the label that says which control plane injects their pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.components.kubernetes_object import KubernetesObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from chatgpt_mesh.components.specs.injection import Injection


def namespace(
    name: str, *, injection: Injection | None, opts: pulumi.ResourceOptions, labels: Mapping[str, str] | None = None
) -> KubernetesObject:
    """A namespace; without `injection` its pods get no sidecar. `labels` are further ones."""
    labels = {**(labels or {}), **(injection.labels if injection else {}), "app.kubernetes.io/managed-by": "pulumi"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    return KubernetesObject(name, manifest, opts)
