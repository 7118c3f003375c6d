"""An object of the cluster together with the declaration it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource


@dataclass(frozen=True, slots=True)
class ClusterMeta:
    """The metadata of an object that belongs to no namespace."""

    name: str
    namespace: Literal[""] = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object of another API than Istio's that a declaration needs, such as cert-manager's Certificate.

    It has the face of `istio_api.resource.Resource`, so that whoever registers or prints objects treats both alike.
    """

    api_version: str
    kind: str
    metadata: ObjectMeta | ClusterMeta
    body: Mapping[str, Any]
    """The top-level fields beside apiVersion, kind and metadata: `{"spec": {...}}`, `{"data": {...}}`."""

    @property
    def key(self) -> str:
        """`Certificate/ns/name`; `ClusterIssuer/name` for an object of the whole cluster."""
        return "/".join(part for part in (self.kind, self.metadata.namespace, self.metadata.name) if part)

    def to_dict(self) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": self.metadata.name}
        if self.metadata.namespace:
            metadata["namespace"] = self.metadata.namespace
        if self.metadata.labels:
            metadata["labels"] = dict(self.metadata.labels)
        if self.metadata.annotations:
            metadata["annotations"] = dict(self.metadata.annotations)
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, **self.body}


_DEPTH = {"apps": 1, "certificate_issuers": 1, "gateways": 1, "grants": 1, "egress": 2, "objects": 1}
"""How many parts of a path, after its section, name one thing among others."""


@dataclass(frozen=True, slots=True)
class Owned:
    """`owner` is the path of the spec in the stack file, such as `apps.chatgpt-mcp`."""

    resource: Resource | Manifest
    owner: str
    ignore_changes: tuple[str, ...] = field(default=())
    """Paths that a controller in the cluster writes after the first `up`, in the form of Pulumi's ignore_changes."""

    @property
    def declaration(self) -> str:
        """The path of the named or numbered thing: `apps.chatgpt-mcp` for `apps.chatgpt-mcp.versions.v1`,
        `egress.allow.0`; the section where it has no such things."""
        section, *rest = self.owner.split(".")
        depth = _DEPTH.get(section, 0)
        return ".".join((section, *rest[:depth]))
