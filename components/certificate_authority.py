"""The Secret that istiod takes its authority from, instead of making one that no other cluster knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from chatgpt_mesh.components.specs.certificate_authority import CertificateAuthoritySpec

CACERTS = "cacerts"
"""The name that istiod looks for: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/"""


def cacerts(authority: CertificateAuthoritySpec, opts: pulumi.ResourceOptions) -> KubernetesObject:
    """It has to be there before istiod, which otherwise signs by a root of its own until it is restarted."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CACERTS, "namespace": ROOT_NAMESPACE},
        "stringData": {name: pulumi.Output.secret(text) for name, text in authority.files.items()},
    }
    return KubernetesObject(f"Secret/{ROOT_NAMESPACE}/{CACERTS}", manifest, opts)
