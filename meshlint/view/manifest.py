"""One object as rules see it: identified, and reduced to what the API server would keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshlint import schemas
from meshlint.schemas import kubernetes
from meshlint.schemas.conform import OPEN, Misfit, conform
from meshlint.view.fields import Json, mapping, string_map, text

if TYPE_CHECKING:
    from collections.abc import Mapping

ISTIO_GROUPS = frozenset({"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"})

GATEWAY_API = "gateway.networking.k8s.io"
"""The group of Gateway API, whose kinds Istio serves beside its own."""

HELM_VALUES = "HelmValues"
"""Kind of the stand-in object that carries the values of an installed chart (`values` holds them)."""


class Manifest:
    """A Kubernetes object. `spec` and `body` hold only what has the right type; `misfits` says what was left out."""

    __slots__ = (
        "annotations", "api_version", "body", "created", "group", "index", "key", "kind", "labels", "misfits", "name",
        "namespace", "spec", "version",
    )  # fmt: skip

    def __init__(self, raw: Mapping[str, Any], index: int) -> None:
        self.index = index
        self.misfits: list[Misfit] = []
        self.api_version = text(raw, "apiVersion")
        self.kind = text(raw, "kind")
        self.group, _, self.version = self.api_version.rpartition("/")
        self.body: Json = conform(dict(raw), self._schema(), (), self.misfits) or {}
        metadata = mapping(self.body, "metadata")
        self.name = text(metadata, "name") or text(metadata, "generateName")
        cluster_scoped = self.kind in kubernetes.CLUSTER_SCOPED
        self.namespace = "" if cluster_scoped else text(metadata, "namespace") or "default"
        self.labels = string_map(metadata, "labels")
        self.annotations = string_map(metadata, "annotations")
        self.created = text(metadata, "creationTimestamp")
        self.spec = mapping(self.body, "spec")
        self.key = f"{self.kind}/{self.name}" if cluster_scoped else f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def is_istio(self) -> bool:
        return self.group in ISTIO_GROUPS

    @property
    def is_gateway_api(self) -> bool:
        return self.group == GATEWAY_API

    @property
    def definition(self) -> dict[str, Any] | None:
        """Versions and spec schema of the custom resource; None for a kind that neither Istio nor Gateway API has."""
        if self.is_istio:
            return schemas.load("istio_resources").get(f"{self.group}/{self.kind}")
        return schemas.load("gateway_api_resources").get(f"{self.group}/{self.kind}") if self.is_gateway_api else None

    def _schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {OPEN: 1, "metadata": kubernetes.METADATA}
        if self.is_istio or self.is_gateway_api:
            definition = self.definition
            return {**schema, "spec": definition["spec"]} if definition is not None else schema
        if self.kind in kubernetes.SPECS:
            return {**schema, "spec": kubernetes.SPECS[self.kind]}
        if self.kind in kubernetes.BODIES:
            return schema | kubernetes.BODIES[self.kind]
        if self.kind == "IstioOperator":
            return {**schema, "spec": {OPEN: 1}}
        return schema

    def __repr__(self) -> str:
        return self.key
