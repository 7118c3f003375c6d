"""Namespaces with the label that says which control plane injects their pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.components.kubernetes_object import KubernetesObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Which istiod injects sidecars into a namespace: the only one, or the one of a revision or tag.

    A namespace has one of the two labels. With both, `istio-injection` wins and the revision is ignored in silence.
    https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
    """

    revision: str | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        return {"istio.io/rev": self.revision} if self.revision else {"istio-injection": "enabled"}


def namespace(
    name: str, *, injection: Injection | None, opts: pulumi.ResourceOptions, labels: Mapping[str, str] | None = None
) -> KubernetesObject:
    """A namespace; without `injection` its pods get no sidecar. `labels` are further ones."""
    labels = {**(labels or {}), **(injection.labels if injection else {}), "app.kubernetes.io/managed-by": "pulumi"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    return KubernetesObject(name, manifest, opts)
