"""From a resource's inputs to a manifest and back to its state."""

from __future__ import annotations

import copy
import hashlib
import re
from typing import Any

from lab.json_types import JsonObject, is_array, is_object
from lab.plugins.kubernetes.objects import AUTONAMED, Identity, value_at
from lab.plugins.wire import UNKNOWN, Path, Secret, UnknownType, hide_like, reveal, without_nulls

FIELD_MANAGER = "__fieldManager"
INPUTS = "__inputs"
INITIAL_API_VERSION = "__initialApiVersion"
SET_BY_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation")
# A dry run allocates these anew each time: what it answers is not what the real request will get.
ALLOCATED_BY_THE_SERVER = {"Service": ("clusterIP", "clusterIPs", "healthCheckNodePort")}


def identity_of_token(token: str, resource_id: str = "") -> Identity:
    """The kind of a type token (`kubernetes:apps/v1:Deployment`), with the namespace and name of a resource id."""
    _, api_version, kind = token.split(":")
    namespace, _, name = resource_id.rpartition("/")
    return Identity(api_version.removeprefix("core/"), kind, namespace, name)


def checked(news: JsonObject, olds: JsonObject, identity: Identity, resource_name: str, seed: bytes) -> JsonObject:
    """The inputs as they are recorded: kind, API version and name set, the content of a Secret secret."""
    inputs = without_nulls(news)
    inputs.setdefault("apiVersion", identity.api_version)
    inputs.setdefault("kind", identity.kind)
    metadata = inputs.setdefault("metadata", {})
    if is_object(metadata) and not metadata.get("name") and not isinstance(metadata.get("name"), UnknownType):
        old = reveal(olds)
        named = value_at(old, ("metadata", "annotations", AUTONAMED)) == "true"
        suffix = hashlib.sha256(seed or resource_name.encode()).hexdigest()[:8]
        stem = re.sub(r"[^a-z0-9.-]+", "-", resource_name.lower()).strip("-.")
        metadata["name"] = old["metadata"]["name"] if named else f"{stem}-{suffix}"
        annotations = metadata.setdefault("annotations", {})
        if is_object(annotations):
            annotations[AUTONAMED] = "true"
    if inputs["kind"] == "Secret" and inputs["apiVersion"] == "v1":
        for key in ("data", "stringData"):
            if key in inputs and not isinstance(inputs[key], Secret):
                inputs[key] = Secret(reveal(inputs[key]))
    return inputs


def checkpoint(live: JsonObject, inputs: JsonObject, manager: str) -> JsonObject:
    """The live object as the resource's outputs: secret where the inputs are, and in the content of a Secret.

    What Pulumi's own plugin keeps beside it is there too: without the inputs it would make every object anew.
    """
    outputs = copy.deepcopy(live)
    outputs.get("metadata", {}).pop("managedFields", None)  # long, and of no use to a program
    outputs = hide_like(outputs, inputs)
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1":
        for key in ("data", "stringData"):
            if key in outputs and not isinstance(outputs[key], Secret):
                outputs[key] = Secret(reveal(outputs[key]))
    outputs[INPUTS] = copy.deepcopy(inputs)
    outputs[INITIAL_API_VERSION] = live.get("apiVersion", "")
    outputs[FIELD_MANAGER] = manager
    return outputs


def planned_outputs(outputs: JsonObject, inputs: JsonObject, *, existing: bool) -> JsonObject:
    """The outputs of a preview: what only the real request decides is unknown."""
    planned = copy.deepcopy(outputs)
    metadata = planned.get("metadata")
    if is_object(metadata):
        for key in ("resourceVersion", "generation") if existing else SET_BY_THE_SERVER:
            metadata[key] = UNKNOWN
    if not existing:
        planned["status"] = UNKNOWN
        for key in ALLOCATED_BY_THE_SERVER.get(planned.get("kind", ""), ()):
            if is_object(planned.get("spec")) and value_at(reveal(inputs), ("spec", key)) is None:
                planned["spec"][key] = UNKNOWN
    return planned


_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


def parse_property_path(text: str) -> Path:
    """A path in Pulumi's notation (see `wire.property_path`)."""
    steps: list[str | int] = []
    for quoted, index, name in _STEP.findall(text):
        if index:
            steps.append(int(index))
        else:
            steps.append(name or quoted.replace('\\"', '"').replace("\\\\", "\\"))
    return tuple(steps)


def prepare_ignored(manifest: JsonObject, live: JsonObject | None, ignored: list[str]) -> None:
    """Give each ignored property its live value, so that an update neither changes it nor conflicts with its owner."""
    if live is None:
        return
    for text in ignored:
        path = parse_property_path(text)
        if not path:
            continue
        parent: Any = value_at(manifest, path[:-1]) if len(path) > 1 else manifest
        current = value_at(live, path)
        last = path[len(path) - 1]
        if is_object(parent) and last in parent:
            if current is None:
                del parent[last]
            else:
                parent[last] = copy.deepcopy(current)
        elif is_array(parent) and isinstance(last, int) and last < len(parent) and current is not None:
            parent[last] = copy.deepcopy(current)
