"""A Kubernetes object of one of Istio's kinds."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, cast

from chatgpt_mesh.istio_api.field_types import advice, shown
from chatgpt_mesh.istio_api.kinds import KINDS, Kind
from chatgpt_mesh.istio_api.message import EMPTY_MAP, InvalidMessage, Message, ResourceSpec, message

M = TypeVar("M", bound=Message)

__all__ = ["ObjectMeta", "Resource"]


@message
class ObjectMeta(Message):
    """https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/

    Attributes:
        name: string; required.
        namespace: string; required, since every kind of Istio is namespaced.
        labels: map of string.
        annotations: map of string.
    """

    SET_BY_THE_SERVER: ClassVar[frozenset[str]] = frozenset(
        ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
    )

    name: str
    namespace: str
    labels: Mapping[str, str] = EMPTY_MAP
    annotations: Mapping[str, str] = EMPTY_MAP


@dataclass(frozen=True, slots=True)
class Resource:
    """A spec with its metadata. Kind and version follow from the spec's type."""

    metadata: ObjectMeta
    spec: ResourceSpec

    @property
    def kind(self) -> str:
        return type(self.spec).__name__

    @property
    def api_version(self) -> str:
        return self.spec.API_VERSION

    @property
    def key(self) -> str:
        """What names the object in messages and exceptions: `VirtualService/ns/name`."""
        return f"{self.kind}/{self.metadata.namespace}/{self.metadata.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest, exactly as the API server takes it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": self.metadata.to_dict(),
            "spec": self.spec.to_dict(),
        }

    @classmethod
    def from_dict(cls, manifest: Mapping[str, Any]) -> Self:
        """Read a manifest in any version that the API server serves; `to_dict` gives the version of `API_VERSION`.

        Raises:
            InvalidMessage: unknown kinds, versions and fields, and wrong values, all of them at once.
        """
        problems: list[str] = []
        kind = _kind(manifest, problems)
        problems += [
            f"{key}: not a field of a manifest; a manifest has apiVersion, kind, metadata and spec"
            if key != "status"
            else "status: is written by the cluster; remove it"
            for key in manifest
            if key not in ("apiVersion", "kind", "metadata", "spec")
        ]
        metadata = _read(ObjectMeta, _without_server_fields(manifest.get("metadata"), problems), "metadata", problems)
        spec = None
        if kind is not None:
            type_ = getattr(importlib.import_module(kind.module), cast("str", manifest["kind"]))
            # A spec may be absent: an AuthorizationPolicy without one denies everything.
            spec = _read(type_, {} if manifest.get("spec") is None else manifest["spec"], "spec", problems)
        if metadata is None or spec is None or problems:
            raise InvalidMessage(problems)
        return cls(metadata, spec)


def _kind(manifest: Mapping[str, Any], problems: list[str]) -> Kind | None:
    name = manifest.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        problems.append(f"kind: not a kind of Istio; {advice(str(name), KINDS, 'kinds')} (given: {shown(name)})")
        return None
    kind = KINDS[name]
    versions = [f"{kind.group}/{version}" for version in kind.served]
    if manifest.get("apiVersion") not in versions:
        problems.append(
            f"apiVersion: {name} is served as {', '.join(versions)} (given: {shown(manifest.get('apiVersion'))})"
        )
    return kind


def _without_server_fields(metadata: object, problems: list[str]) -> object:
    if not isinstance(metadata, Mapping):
        return metadata
    given = cast("Mapping[str, object]", metadata)
    server_fields = ObjectMeta.SET_BY_THE_SERVER.intersection(given)
    problems += [f"metadata.{name}: is written by the cluster; remove it" for name in sorted(server_fields)]
    return {key: value for key, value in given.items() if key not in server_fields}


def _read(type_: type[M], data: Any, path: str, problems: list[str]) -> M | None:
    try:
        return type_.from_dict(data, path)
    except InvalidMessage as mistakes:
        problems += mistakes.problems
        return None
