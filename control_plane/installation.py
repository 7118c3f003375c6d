"""How a running Istio was installed: its MeshConfig, istiod's environment and the values of its sidecar injector.

Read from the objects that its charts or its operator wrote, so get and list on ConfigMaps and Deployments of Istio's
namespace are enough; a tag is looked up in its webhook.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import yaml

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError, first_line
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ISTIOD = "app=istiod"
"""Selects the pods and Deployments of every control plane."""
REVISION = "istio.io/rev"


def of_revision(revision: str) -> str:
    """Selects those of one; `default` is the control plane without a name."""
    return f"{ISTIOD},{REVISION}={revision}"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A Deployment, as far as it is looked at: its labels, and the environment of its containers."""

    labels: Mapping[str, str]
    environment: Mapping[str, str]


class InstallationApi(Protocol):
    """The little of a cluster that is read."""

    def deployments(self, namespace: str, selector: str) -> Sequence[Deployed]:
        """Those with these labels."""
        ...

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Its data; None where there is none of that name."""
        ...

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        """The labels of a namespace; None where there is none of that name."""
        ...

    def webhook_labels(self, name: str) -> Mapping[str, str] | None:
        """The labels of a MutatingWebhookConfiguration; None where there is none of that name."""
        ...


@dataclass(frozen=True, slots=True)
class Installation:
    """One control plane, and what it goes by."""

    revision: str
    """Its revision; `default` where it has no name."""
    mesh_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    injector_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Labels of the namespaces that were asked for, by name."""


def installation(
    api: InstallationApi,
    injection: str | None,
    namespace: str = ROOT_NAMESPACE,
    *,
    namespaces: Collection[str] = (),
) -> Installation:
    """The control plane that injects a stack: by revision, by tag, or the one without a name.

    `namespaces` are further ones whose labels matter.

    Raises:
        ControlPlaneUnreachableError: there is no such control plane, or the cluster does not say.
    """
    wanted = injection or "default"
    try:
        planes = {found.labels.get(REVISION, "default"): found for found in api.deployments(namespace, ISTIOD)}
        revision = wanted
        if wanted not in planes:
            revision = (api.webhook_labels(f"istio-revision-tag-{wanted}") or {}).get(REVISION, wanted)
        if revision not in planes:
            known = ", ".join(sorted(planes)) or "none"
            raise ControlPlaneUnreachableError(
                f"No istiod of revision {revision} in the namespace {namespace} (there: {known}): name one of them, or "
                "a tag that leads to one, in istio.injection, or Istio's namespace with --istio-namespace."
            )
        suffix = "" if revision == "default" else f"-{revision}"
        config = api.config_map(namespace, f"istio{suffix}") or {}
        injector = api.config_map(namespace, f"istio-sidecar-injector{suffix}") or {}
        labels = {name: api.namespace_labels(name) or {} for name in namespaces}
    except ControlPlaneUnreachableError:
        raise
    except Exception as error:
        reason = first_line(error)
        raise ControlPlaneUnreachableError(
            f"The cluster does not say how Istio is installed in {namespace}: {reason}. It needs the right to get "
            "ConfigMaps and to list Deployments there."
        ) from error
    return Installation(
        revision=revision,
        mesh_config=_mapping(yaml.safe_load(config.get("mesh", "") or "{}")),
        environment=planes[revision].environment,
        injector_values=_mapping(json.loads(injector.get("values", "") or "{}")),
        namespaces=labels,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
