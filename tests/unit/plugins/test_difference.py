"""What differs between two manifests, and what replaces an object."""

from __future__ import annotations

import pytest

from lab.plugins.difference import (
    Change,
    ChangeKind,
    differences,
    is_immutable,
    mark_identity,
    mark_immutable,
    without_ignored,
)
from lab.plugins.wire import UNKNOWN

pytestmark = pytest.mark.unit

ADD, DELETE, UPDATE = ChangeKind.ADD, ChangeKind.DELETE, ChangeKind.UPDATE


def paths(changes: list[Change]) -> dict:
    return {change.path: change.kind for change in changes}


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ((), {("spec", "http", 0, "weight"), ("spec", "hosts", 0)}),
        ((("spec", "http"),), {("spec", "hosts", 0)}),
        ((("spec", "http", 1),), {("spec", "http", 0, "weight"), ("spec", "hosts", 0)}),
        ((("spec", "*", 0),), set()),
        ((("spec", "http", 0, "weight", "deeper"),), {("spec", "http", 0, "weight"), ("spec", "hosts", 0)}),
    ],
)
def test_what_is_inside_an_ignored_property_is_no_difference(ignored: tuple, left: set) -> None:
    """A controller has moved the weight; a refresh compares without the engine setting it back first."""
    changes = differences(
        {"spec": {"http": [{"weight": 100}], "hosts": ["a"]}}, {"spec": {"http": [{"weight": 80}], "hosts": ["b"]}}
    )
    assert {change.path for change in without_ignored(changes, ignored)} == left


def test_differences_are_named_at_their_depth() -> None:
    old = {"a": 1, "b": {"c": 1, "d": 2}, "l": [1, {"x": 1}], "gone": 0}
    new = {"a": 1, "b": {"c": 2, "d": 2}, "l": [1, {"x": 2}, 3], "come": 0}
    assert paths(differences(old, new)) == {
        ("b", "c"): UPDATE,
        ("l", 1, "x"): UPDATE,
        ("l", 2): ADD,
        ("gone",): DELETE,
        ("come",): ADD,
    }


def test_true_is_not_one_and_a_whole_float_is_its_integer() -> None:
    assert differences({"a": True}, {"a": 1})
    assert not differences({"a": 1.0}, {"a": 1})


def test_an_unknown_value_is_a_difference() -> None:
    assert paths(differences({"a": "x"}, {"a": UNKNOWN})) == {("a",): UPDATE}


def replaced(changes: list[Change]) -> set:
    return {change.path for change in changes if change.replaces}


def mark(changes, kind: str = "Service", *, config_map: bool = False, secret: bool = False) -> set:
    return replaced(mark_identity(changes, kind, config_map_mutable=config_map, secret_mutable=secret))


def test_another_name_namespace_or_kind_is_another_object() -> None:
    for path in (("metadata", "name"), ("metadata", "namespace"), ("kind",), ("apiVersion",)):
        assert mark([Change(path, UPDATE)]) == {path}
    assert mark([Change(("metadata", "labels", "name"), UPDATE)]) == set()


def test_unknown_metadata_may_hold_another_name() -> None:
    assert mark([Change(("metadata",), UPDATE)]) == {("metadata",)}


def test_the_content_of_config_maps_and_secrets_replaces_them_unless_they_are_mutable() -> None:
    change = [Change(("data", "key"), UPDATE)]
    assert mark(change, "ConfigMap") == {("data", "key")}
    assert mark(change, "ConfigMap", config_map=True) == set()
    assert mark(change, "Secret") == {("data", "key")}
    assert mark(change, "Secret", secret=True) == set()
    assert mark([Change(("metadata", "labels", "a"), UPDATE)], "ConfigMap") == set()


@pytest.mark.parametrize(
    "message",
    [
        "spec.selector: Invalid value: ...: field is immutable",
        "roleRef: Invalid value: ...: cannot change roleRef",
        'spec.clusterIPs[0]: Invalid value: "10.0.0.2": may not change once set',
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', ... are forbidden",
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
        "parameters: Forbidden: updates to parameters are forbidden.",
        "spec: Forbidden: spec is immutable after creation except resources.requests",
    ],
)
def test_the_api_servers_wordings_of_immutable_are_known(message: str) -> None:
    assert is_immutable(message)


@pytest.mark.parametrize(
    "message", ["Required value", "must be less than 10", 'configmaps is forbidden: User "x" cannot']
)
def test_other_refusals_are_not_taken_for_it(message: str) -> None:
    assert not is_immutable(message)


def test_only_the_field_that_the_refusal_names_replaces() -> None:
    changes = [Change(("spec", "selector", "matchLabels", "a"), UPDATE), Change(("spec", "replicas"), UPDATE)]
    causes = [{"field": "spec.selector", "message": "field is immutable"}]
    assert replaced(mark_immutable(changes, causes, "")) == {("spec", "selector", "matchLabels", "a")}


def test_every_change_replaces_where_the_refusal_names_none_of_them() -> None:
    changes = [Change(("spec", "a"), UPDATE), Change(("spec", "b"), ADD)]
    assert replaced(mark_immutable(changes, [], "field is immutable")) == {("spec", "a"), ("spec", "b")}
