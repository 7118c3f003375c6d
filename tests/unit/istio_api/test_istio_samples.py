"""Every Istio object in Istio's own source: its samples, and the test data of its analyzers and of pilot.

Reading and writing changes nothing but spelling, and what the CRD schemas refuse is refused here too.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, TypeGuard

import pytest
import yaml

from chatgpt_mesh.istio_api.field_types import DurationType
from chatgpt_mesh.istio_api.generate.istio_modules import module_directory
from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.istio_api.message import InvalidMessage
from chatgpt_mesh.istio_api.resource import Resource
from tests.crd_schema import assert_served, problems

SOURCES = {
    "samples": 60,
    "pkg/config/analysis/analyzers/testdata": 250,
    "pilot/pkg": 80,
    "tests": 150,
}
"""Directory of Istio's source to the number of objects that must at least be found there."""


@functools.cache
def manifests(directory: str) -> tuple[tuple[str, Any], ...]:
    """Path and manifest of each object, without what only a running cluster adds, and with a namespace."""
    root = module_directory("istio.io/istio")
    found: list[tuple[str, Any]] = []
    for file in sorted((root / directory).rglob("*.yaml")):
        try:
            documents = list(yaml.load_all(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except yaml.YAMLError:  # a template, or a file that is meant to be broken
            continue
        for document in documents:
            if isinstance(document, dict) and is_served(document):
                metadata = {k: v for k, v in document["metadata"].items() if k in ("name", "labels", "annotations")}
                document["metadata"] = {"name": "unnamed", "namespace": "apps"} | metadata
                document.pop("status", None)
                # As JSON: keys are text, and the API server drops null where the schema does not allow it.
                found.append((str(file.relative_to(root)), without_null(document)))
    return tuple(found)


def is_served(document: Mapping[str, Any]) -> bool:
    kind = KINDS.get(document.get("kind", ""))
    return kind is not None and document.get("apiVersion") in {f"{kind.group}/{version}" for version in kind.served}


def without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("directory", SOURCES)
def test_the_source_is_there(directory: str) -> None:
    assert len(manifests(directory)) >= SOURCES[directory]


@pytest.mark.parametrize("directory", SOURCES)
def test_what_the_schemas_take_is_read_and_written_unchanged(directory: str) -> None:
    for path, manifest in manifests(directory):
        if refused(manifest):
            continue
        resource = Resource.from_dict(manifest)
        written = resource.to_dict()
        assert_served(written)
        assert same(written["spec"], manifest.get("spec", {})), path
        assert written["metadata"] == without_empty(manifest["metadata"]), path
        assert Resource.from_dict(written) == resource, path


@pytest.mark.parametrize("directory", SOURCES)
def test_what_the_schemas_refuse_is_refused(directory: str) -> None:
    for _, manifest in manifests(directory):
        if refused(manifest):
            with pytest.raises(InvalidMessage):
                Resource.from_dict(manifest)


def refused(manifest: Mapping[str, Any]) -> bool:
    targets = {"selector", "targetRef", "targetRefs"}
    # Only a CEL rule of the CRDs knows that these exclude one another; here they are a oneof.
    return bool(problems(manifest)) or len(targets & manifest.get("spec", {}).keys()) > 1


def same(written: Any, given: Any) -> bool:
    """Equal but for spelling: durations ("1m" and "60s"), and empty lists and maps, which Istio takes for unset."""
    if isinstance(written, Mapping) and isinstance(given, Mapping):
        given, written = without_empty(given), without_empty(written)
        return written.keys() == given.keys() and all(same(written[key], given[key]) for key in written)
    if isinstance(written, list) and isinstance(given, list):
        return len(written) == len(given) and all(map(same, written, given))
    return written == given or (isinstance(given, str) and is_duration(written) and seconds(written) == seconds(given))


def without_empty(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item not in ({}, [])}


def is_duration(text: Any) -> TypeGuard[str]:
    mistakes: list[str] = []
    DurationType().read(text, "", mistakes)
    return not mistakes


def seconds(text: str) -> float:
    return DurationType().read(text, "", []).total_seconds()
