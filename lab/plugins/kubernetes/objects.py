"""Objects on the API server: server-side apply, reading, deleting, and the errors of each as sentences."""

from __future__ import annotations

import base64
import binascii
import contextlib
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.json_types import JsonObject, is_array, is_object, object_at
from lab.plugins.kubernetes.connection import Connection, KubernetesError
from lab.plugins.kubernetes.managers import taken_over
from lab.plugins.plugin import PluginError
from lab.plugins.wire import without_texts

if TYPE_CHECKING:
    from lab.plugins.kubernetes.discovery import Discovery, ServedKind
    from lab.plugins.wire import Path, Value

SKIP_AWAIT = "pulumi.com/skipAwait"
PATCH_FORCE = "pulumi.com/patchForce"
FORCE_FROM_ENVIRONMENT = "PULUMI_K8S_ENABLE_PATCH_FORCE"
PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager"
DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"
AUTONAMED = "pulumi.com/autonamed"


@dataclass(frozen=True)
class Identity:
    """Which object: kind, namespace ("" for cluster-scoped kinds) and name."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @staticmethod
    def of(manifest: JsonObject) -> Identity:
        metadata = object_at(manifest, "metadata")
        return Identity(
            manifest.get("apiVersion", ""),
            manifest.get("kind", ""),
            metadata.get("namespace", ""),
            metadata.get("name", ""),
        )

    @property
    def resource_id(self) -> str:
        """The id that Pulumi's own plugin gives it: `namespace/name` or `name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.resource_id}"


def annotations_of(manifest: JsonObject) -> JsonObject:
    return object_at(manifest, "metadata", "annotations")


class Objects:
    """The objects of one cluster."""

    def __init__(self, connection: Connection, discovery: Discovery) -> None:
        self.connection = connection
        self.discovery = discovery

    def served(self, identity: Identity) -> ServedKind:
        return self.discovery.require(identity.api_version, identity.kind)

    def get(self, identity: Identity) -> JsonObject | None:
        """The live object, or None when it (or its kind) is gone."""
        served = self.discovery.find(identity.api_version, identity.kind)
        if served is None:
            return None
        try:
            return self.connection.request("GET", served.path(identity.namespace, identity.name))
        except KubernetesError as error:
            if error.code == 404:
                return None
            raise PluginError(f"{identity} cannot be read: {error.message}") from error

    def apply(self, manifest: JsonObject, *, manager: str, force: bool = False, dry_run: bool = False) -> JsonObject:
        """Server-side apply. Raises KubernetesError as the API server words it (see `explain`)."""
        identity = Identity.of(manifest)
        query = {"fieldManager": manager, "force": "true" if force else "false", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return self.connection.request(
            "PATCH",
            self.served(identity).path(identity.namespace, identity.name),
            query=query,
            body=manifest,
            content_type="application/apply-patch+yaml",
        )

    def take_over(self, live: JsonObject, manager: str) -> None:
        """Make the fields the manager's own that are its resource's (see `managers`)."""
        entries = taken_over(live, manager)
        if entries is None:
            return
        identity = Identity.of(live)
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        ]
        # What keeps it from being done keeps the object from being applied too, and is said there.
        with contextlib.suppress(KubernetesError):
            self.connection.request(
                "PATCH",
                self.served(identity).path(identity.namespace, identity.name),
                query={"fieldManager": manager},
                body=patch,
                content_type="application/json-patch+json",
            )

    def delete(self, identity: Identity, *, propagation: str) -> None:
        """Start the deletion; an object that is gone already is no error."""
        served = self.discovery.find(identity.api_version, identity.kind)
        if served is None:
            return
        try:
            self.connection.request(
                "DELETE",
                served.path(identity.namespace, identity.name),
                body={"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation},
            )
        except KubernetesError as error:
            if error.code != 404:
                raise PluginError(f"{identity} cannot be deleted: {error.message}") from error

    def list(self, api_version: str, kind: str, namespace: str, label_selector: str) -> list[JsonObject]:
        served = self.discovery.require(api_version, kind)
        answer = self.connection.request("GET", served.path(namespace), query={"labelSelector": label_selector})
        return answer.get("items") or []


def explain(identity: Identity, action: str, error: KubernetesError, secrets: set[str], urn: str = "") -> PluginError:
    """The refusal as a sentence without `secrets`; a conflict names each field, the manager that owns it, and the way
    out for the resource `urn`."""
    return PluginError(without_texts(_explained(identity, action, error, urn), secrets))


def _explained(identity: Identity, action: str, error: KubernetesError, urn: str) -> str:
    if error.code == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in error.causes):
        owned = "; ".join(
            f"{cause.get('field', '?')} ({cause.get('message', 'owned by another manager')})" for cause in error.causes
        )
        return (
            f"{identity} cannot be {action}: other field managers own fields that this resource sets: {owned}. "
            "Declare the value that its owner wants, or leave the field out. To take it over, now: "
            f"{FORCE_FROM_ENVIRONMENT}=true pulumi up --target '{urn}'; for good: the annotation {PATCH_FORCE}. "
            "Meanwhile `pulumi up --skip-preview --continue-on-error` deploys the rest."
        )
    return f"{identity} cannot be {action}: {error.message}"


def live_inputs(inputs: JsonObject, live: JsonObject, applied: JsonObject | None = None) -> JsonObject:
    """The live value at every path of the last inputs.

    `applied` is what the API server would make of the inputs (a dry run): where live and applied agree, the input keeps
    its own spelling (`1000m` for a stored `1`), since that is no drift. None means that it was not asked.
    """
    if inputs.get("kind") == "Secret" and is_object(inputs.get("stringData")):
        return _live_secret(inputs, live, applied)
    result = _live_value(inputs, live, _NOT_ASKED if applied is None else applied)
    return result if is_object(result) else {}


_ABSENT, _NOT_ASKED = object(), object()


def _live_value(wanted: Value, live: Value, applied: Value) -> Any:
    if live is _ABSENT:
        return wanted if applied is _ABSENT else _ABSENT
    if applied is not _ABSENT and applied is not _NOT_ASKED and live == applied:
        return wanted
    if is_object(wanted) and is_object(live):
        found = {key: _live_value(value, live.get(key, _ABSENT), _entry(applied, key)) for key, value in wanted.items()}
        return {key: value for key, value in found.items() if value is not _ABSENT}
    if is_array(wanted) and is_array(live):
        return _live_list(wanted, live, applied)
    return copy.deepcopy(live)


def _entry(applied: Value, key: str) -> Any:
    if applied is _NOT_ASKED:
        return _NOT_ASKED
    return applied.get(key, _ABSENT) if is_object(applied) else _ABSENT


def _live_list(wanted: list[Value], live: list[Value], applied: Value) -> list[Value]:
    absent = _NOT_ASKED if applied is _NOT_ASKED else _ABSENT
    known_items = applied if is_array(applied) else []
    if wanted and all(is_object(item) and isinstance(item.get("name"), str) for item in [*wanted, *live]):
        # Named items (containers, ports, webhooks) are merged by name: others may have added items in between.
        by_name = {item["name"]: item for item in live}
        known = {item["name"]: item for item in known_items if is_object(item) and "name" in item}
        return [
            _live_value(item, by_name[item["name"]], known.get(item["name"], absent))
            for item in wanted
            if item["name"] in by_name
        ]
    if len(wanted) != len(live):
        return copy.deepcopy(live)
    if len(known_items) != len(live):
        known_items = [absent] * len(live)
    return [_live_value(item, now, then) for item, now, then in zip(wanted, live, known_items, strict=True)]


def _live_secret(inputs: JsonObject, live: JsonObject, applied: JsonObject | None) -> JsonObject:
    """A Secret's `stringData` is stored under `data`: compare it there."""
    texts: dict[str, Value] = inputs["stringData"]
    stored = object_at(live, "data")
    rest = {key: value for key, value in inputs.items() if key != "stringData"}
    result = live_inputs(rest, live, applied)
    result["stringData"] = {key: _decoded(stored[key]) for key in texts if key in stored}
    return result


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def value_at(manifest: Value, path: Path) -> Value:
    """The value at a path, or None."""
    for step in path:
        if isinstance(step, int):
            manifest = manifest[step] if is_array(manifest) and step < len(manifest) else None
        else:
            manifest = manifest.get(step) if is_object(manifest) else None
    return manifest
