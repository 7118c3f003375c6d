"""The Kubernetes cluster of a stack."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
from chatgpt_mesh.components.specs.path_setting import PathSetting
from chatgpt_mesh.mesh.specs.spec import Spec
from chatgpt_mesh.mesh.specs.words import Line


class ExistingClusterSpec(Spec):
    """A cluster that something else made and looks after: kind, another team's GKE, the lab."""

    kind: Literal["existing"]
    kubeconfig: PathSetting | None = Field(
        default=None,
        description="Path of the kubeconfig file; without it $KUBECONFIG is used, then ~/.kube/config.",
    )
    context: Line | None = Field(
        default=None,
        description="Context of the kubeconfig; without it the file's current context, whatever that is just then.",
    )
    identifier: Line | None = Field(
        default=None,
        description=(
            "What this stack calls the cluster; by default the stack's name. Pulumi replaces everything on the "
            "cluster when it changes, and only then: a new address or certificate is an update."
        ),
    )


ClusterSpec = Annotated[ExistingClusterSpec | GkeClusterSpec, Field(discriminator="kind")]
"""`kind: gke` is made by this stack, `kind: existing` was there."""
