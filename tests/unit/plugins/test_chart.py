"""What `helm template` prints, as objects: YAML's traps, lists, namespaces, order, names."""

from __future__ import annotations

import pytest

from lab.plugins.kubernetes.chart import dependencies, parse_manifests, set_namespaces
from lab.plugins.kubernetes.construct import resource_name, resource_type
from lab.plugins.plugin import PluginError

pytestmark = pytest.mark.unit


def manifest(kind: str, name: str, namespace: str | None = None, api_version: str = "v1", **more) -> dict:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10:20", "10:20"),
        ("2026-01-02", "2026-01-02"),
        ("0644", 420),
        ("0o644", 420),
        ("0x1f", 31),
        ("-5", -5),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("yes", True),
        ("true", True),
        ("~", None),
        ("'5'", "5"),
    ],
)
def test_scalars_are_read_as_kubernetes_reads_them(text: str, value) -> None:
    document = f"apiVersion: v1\nkind: X\nmetadata: {{name: x}}\nvalue: {text}\n"
    (parsed,) = parse_manifests(document, "a chart")
    assert parsed["value"] == value
    assert type(parsed["value"]) is type(value)


def test_empty_documents_are_skipped_and_lists_taken_apart() -> None:
    text = """
---
# only a comment
---
apiVersion: v1
kind: List
items:
- {apiVersion: core/v1, kind: A, metadata: {name: a}}
- {apiVersion: v1, kind: B, metadata: {name: b}}
---
{apiVersion: v1, kind: C, metadata: {name: c}}
"""
    parsed = parse_manifests(text, "a chart")
    assert [(m["apiVersion"], m["kind"]) for m in parsed] == [("v1", "A"), ("v1", "B"), ("v1", "C")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: b", "without kind and apiVersion"),
        ("{apiVersion: v1, kind: A}", "A without metadata.name"),
        ("a: [", "invalid YAML"),
    ],
)
def test_what_is_no_object_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence):
        parse_manifests(text, "a chart")


def definition(kind: str, scope: str) -> dict:
    spec = {"group": "e.com", "scope": scope, "names": {"kind": kind}, "versions": [{"name": "v1"}]}
    return manifest("CustomResourceDefinition", f"{kind}.e.com", api_version="apiextensions.k8s.io/v1", spec=spec)


def served(_api_version: str, kind: str) -> bool | None:
    return {"Service": True, "Namespace": False, "CustomResourceDefinition": False}.get(kind)


def test_namespaced_objects_get_the_release_namespace_and_others_do_not() -> None:
    objects = [
        manifest("Service", "a"),
        manifest("Service", "b", "own"),
        manifest("Namespace", "c"),
        definition("In", "Namespaced"),
        manifest("In", "d", api_version="e.com/v1"),
        definition("Out", "Cluster"),
        manifest("Out", "e", api_version="e.com/v1"),
    ]
    set_namespaces(objects, "release", served, "The chart x")
    assert [m["metadata"].get("namespace") for m in objects] == ["release", "own", None, None, "release", None, None]


def test_a_kind_that_nobody_knows_is_refused_unless_its_namespace_is_given() -> None:
    set_namespaces([manifest("Odd", "a", "ns")], "release", served, "The chart x")
    with pytest.raises(PluginError, match="The chart x renders Odd a of v1, a kind that the cluster does not serve"):
        set_namespaces([manifest("Odd", "a")], "release", served, "The chart x")


def test_definitions_namespaces_and_named_objects_come_first() -> None:
    annotation = {"annotations": {"config.kubernetes.io/depends-on": "apps/namespaces/ns/Deployment/first"}}
    objects = [
        manifest("In", "cr", "ns", api_version="e.com/v1"),
        manifest("ConfigMap", "last", "ns", metadata=annotation),
        manifest("Deployment", "first", "ns", api_version="apps/v1"),
        definition("In", "Namespaced"),
        manifest("Namespace", "ns"),
    ]
    assert dependencies(objects) == [[3, 4], [2, 4], [4], [], []]


def test_children_have_the_types_and_names_of_the_real_plugin() -> None:
    assert resource_type(manifest("Service", "s")) == "kubernetes:core/v1:Service"
    assert resource_type(manifest("Deployment", "d", api_version="apps/v1")) == "kubernetes:apps/v1:Deployment"
    assert resource_name(manifest("Service", "s", "ns"), "istiod") == "istiod:ns/s"
    assert resource_name(manifest("ClusterRole", "c"), "istiod") == "istiod:c"
    assert resource_name(manifest("Service", "s", "ns"), "") == "ns/s"
