"""Which kinds the API server serves, and where; plus what one preview plans to add to them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.json_types import JsonObject, object_at, objects_at
from lab.plugins.plugin import PluginError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from lab.plugins.kubernetes.connection import Connection

REREAD_SECONDS = 1.0  # a preview asks for each planned object whether its kind has come
AGGREGATED_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class ServedKind:
    """One kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """The REST path of the collection, or of one object."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class KindNotServedError(PluginError):
    """The API server knows no such kind."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(
            f"The cluster serves no {kind} in {api_version}. Verify that any required CRDs have been created, "
            "and that this resource depends on what creates them."
        )


class Discovery:
    """The served kinds, read once and read again when a kind is missing (a CRD may have come meanwhile)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], ServedKind] = {}
        self._read_at: float | None = None
        self.version: JsonObject = {}

    def changed(self) -> None:
        """A CRD has come or gone: read again before the next answer."""
        with self._lock:
            self._read_at = None

    def _read(self) -> dict[tuple[str, str], ServedKind]:
        kinds: dict[tuple[str, str], ServedKind] = {}
        for root in ("/api", "/apis"):
            groups = self._connection.request("GET", root, accept=AGGREGATED_DISCOVERY)
            for group in groups.get("items", []):
                name = group["metadata"].get("name", "")
                for version in group["versions"]:
                    api_version = f"{name}/{version['version']}" if name else version["version"]
                    for resource in version.get("resources", []):
                        kind = object_at(resource, "responseKind").get("kind", "")
                        kinds[api_version, kind] = ServedKind(
                            api_version, kind, resource["resource"], resource["scope"] == "Namespaced"
                        )
        return kinds

    def find(self, api_version: str, kind: str) -> ServedKind | None:
        with self._lock:
            known = self._read_at is not None and (api_version, kind) in self._kinds
            if not known and (self._read_at is None or time.monotonic() - self._read_at > REREAD_SECONDS):
                self._kinds = self._read()
                self._read_at = time.monotonic()
            return self._kinds.get((api_version, kind))

    def require(self, api_version: str, kind: str) -> ServedKind:
        found = self.find(api_version, kind)
        if found is None:
            raise KindNotServedError(api_version, kind)
        return found

    def server_version(self) -> JsonObject:
        if not self.version:
            self.version = self._connection.request("GET", "/version")
        return self.version

    def api_versions(self) -> list[str]:
        """Every `GROUP/VERSION` and `GROUP/VERSION/KIND`, as Helm's `.Capabilities.APIVersions` has them."""
        with self._lock:
            self._kinds = kinds = self._read()
            self._read_at = time.monotonic()
        return sorted({version for version, _ in kinds} | {f"{version}/{kind}" for version, kind in kinds})


class Plan:
    """What the server cannot tell a preview: kinds and namespaces that come, and objects that are replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], bool] = {}
        self._namespaces: set[str] = set()
        self._managed: set[Hashable] = set()

    def record(self, manifest: JsonObject) -> None:
        kind, name = manifest.get("kind"), object_at(manifest, "metadata").get("name")
        with self._lock:
            if kind == "Namespace" and isinstance(name, str):
                self._namespaces.add(name)
            elif kind == "CustomResourceDefinition":
                self._kinds.update(kinds_of_definitions([manifest]))

    def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether a planned kind is namespaced; None when no planned CRD defines it."""
        with self._lock:
            return self._kinds.get((api_version, kind))

    def manages(self, identity: Hashable) -> None:
        """The stack has this object in its state: creating it again in a preview means that it is replaced."""
        with self._lock:
            self._managed.add(identity)

    def replaces(self, identity: Hashable) -> bool:
        with self._lock:
            return identity in self._managed

    def has_namespace(self, name: str) -> bool:
        with self._lock:
            return name in self._namespaces


def kinds_of_definitions(manifests: Iterable[JsonObject]) -> dict[tuple[str, str], bool]:
    """The kinds that the CustomResourceDefinitions among `manifests` define, with whether each is namespaced."""
    kinds: dict[tuple[str, str], bool] = {}
    for manifest in manifests:
        if manifest.get("kind") != "CustomResourceDefinition":
            continue
        spec = object_at(manifest, "spec")
        kind = object_at(spec, "names").get("kind", "")
        for version in objects_at(spec, "versions"):
            kinds[f"{spec.get('group')}/{version.get('name')}", kind] = spec.get("scope") == "Namespaced"
    return kinds
