"""The Kubernetes provider of a stack: explicit, and never replaced by a new address or certificate."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from chatgpt_mesh.components.specs.cluster import ExistingClusterSpec
from chatgpt_mesh.components.verification import ClusterAccess
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.components.memorystore import Memorystore
    from chatgpt_mesh.components.specs.cluster import ClusterSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedCluster:
    """A cluster as the rest of the program needs it."""

    provider: kubernetes.Provider
    definitions: kubernetes.Provider
    """For custom resource definitions: it adopts those that an earlier stack has left."""
    access: pulumi.Input[ClusterAccess]
    """How the program itself asks the cluster."""
    platform: str | None
    """`gke`, where Istio's charts must know."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the stack exports about it."""
    api_server: pulumi.Input[str] | None = None
    """URL of the API server by a name that whoever has a token may use, where there is one."""
    memorystore: Memorystore | None = None
    """The Redis that was made for the rate limit service."""


def kubeconfig_path(spec: ExistingClusterSpec) -> Path:
    """The kubeconfig file that kubectl would read for this cluster."""
    return Path(spec.kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")


def problems(spec: ClusterSpec) -> list[Problem]:
    """What would keep the program from reaching the cluster, before anything is registered."""
    if isinstance(spec, ExistingClusterSpec):
        return kubeconfig_problems(spec)
    return []


def kubeconfig_problems(spec: ExistingClusterSpec) -> list[Problem]:
    """What would keep the provider from reading the cluster's address, before anything is registered.

    A provider with an unusable kubeconfig previews green and fails in the middle of `up`.
    """
    path = kubeconfig_path(spec)
    where = "cluster.kubeconfig"
    mend = "set cluster.kubeconfig, or export KUBECONFIG"
    if os.pathsep in str(path):
        return [Problem(where, f"lists several files ({path}); {mend} to one file")]
    try:
        document: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        return [Problem(where, f"cannot read {path}: {error.strerror}; {mend}")]
    except (yaml.YAMLError, UnicodeDecodeError):
        # The parser's message would quote the file, which holds credentials.
        return [Problem(where, f"{path} is not valid YAML; write it anew with your cluster's tool")]
    contexts = _names(document, "contexts")
    if spec.context is not None and spec.context not in contexts:
        known = ", ".join(contexts) or "none"
        return [Problem("cluster.context", f"is not in {path}, which has: {known}", spec.context)]
    if spec.context is None and not (
        isinstance(document, dict) and cast("dict[str, Any]", document).get("current-context")
    ):
        return [Problem("cluster.context", f"is needed, because {path} names no current context")]
    return []


def existing_cluster(spec: ExistingClusterSpec, *, platform: str | None) -> ConnectedCluster:
    """A cluster that a kubeconfig names."""
    path = str(kubeconfig_path(spec))
    provider, definitions = providers(
        path, spec.identifier or pulumi.get_stack(), context=spec.context, opts=pulumi.ResourceOptions()
    )
    access = ClusterAccess(kubeconfig=path, context=spec.context)
    return ConnectedCluster(provider=provider, definitions=definitions, access=access, platform=platform)


def providers(
    kubeconfig: pulumi.Input[str], identifier: str, *, opts: pulumi.ResourceOptions, context: str | None = None
) -> tuple[kubernetes.Provider, kubernetes.Provider]:
    """The provider of a cluster's objects, and that of its custom resource definitions.

    Args:
        kubeconfig: Its text, or a path.
        identifier: Constant for the life of the cluster: without it, a new address or token replaces every object on
            the cluster, definitions included.
        opts: What has to be there before any object, and gone after all of them.
        context: Context of the kubeconfig; by default its current one.
    """
    objects, definitions = (
        kubernetes.Provider(
            name,
            kubeconfig=kubeconfig,
            context=context,
            cluster_identifier=identifier,
            # Server-side apply sees who owns a field, so that istiod's own writes to its webhooks are no drift.
            enable_server_side_apply=True,
            # Otherwise a changed mesh configuration deletes the ConfigMap `istio` and makes it anew, and istiod reads
            # it as the defaults in between.
            enable_config_map_mutable=True,
            # See definitions.py. None leaves it to who runs Pulumi, by PULUMI_K8S_UPSERT_EXISTING_OBJECTS.
            upsert_existing_objects=adopts or None,
            opts=opts,
        )
        for name, adopts in (("cluster", False), ("cluster-definitions", True))
    )
    return objects, definitions


def _names(document: object, key: str) -> list[str]:
    entries = cast("dict[str, Any]", document).get(key) if isinstance(document, dict) else None
    return [str(entry["name"]) for entry in cast("list[dict[str, Any]]", entries or []) if "name" in entry]
