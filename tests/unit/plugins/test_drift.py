"""Live values at the paths of the last inputs: what counts as drift and what does not."""

from __future__ import annotations

import base64

import pytest

from lab.plugins.kubernetes.manifest import checked, checkpoint, identity_of_token, planned_outputs, prepare_ignored
from lab.plugins.kubernetes.objects import Identity, live_inputs
from lab.plugins.wire import UNKNOWN, Secret

pytestmark = pytest.mark.unit


def test_a_field_that_was_not_set_is_no_drift() -> None:
    assert live_inputs({"a": 1}, {"a": 1, "b": 2}) == {"a": 1}


def test_a_changed_and_a_removed_field_are() -> None:
    assert live_inputs({"a": 1, "b": {"c": 1, "d": 2}}, {"a": 2, "b": {"c": 1}}) == {"a": 2, "b": {"c": 1}}


def test_another_spelling_of_the_applied_value_is_no_drift() -> None:
    wanted = {"limits": {"cpu": "1000m"}, "empty": {}}
    stored = {"limits": {"cpu": "1"}}
    assert live_inputs(wanted, stored, stored) == wanted
    assert live_inputs(wanted, {"limits": {"cpu": "2"}}, stored) == {"limits": {"cpu": "2"}, "empty": {}}


def test_named_items_are_found_by_name_wherever_they_stand() -> None:
    wanted = {"containers": [{"name": "app", "image": "a"}]}
    live = {"containers": [{"name": "injected", "image": "x"}, {"name": "app", "image": "b", "extra": 1}]}
    assert live_inputs(wanted, live, {}) == {"containers": [{"name": "app", "image": "b"}]}


def test_other_lists_are_shown_as_they_are() -> None:
    assert live_inputs({"l": [1]}, {"l": [1, 2]}, {}) == {"l": [1, 2]}
    assert live_inputs({"l": [{"a": 1}]}, {"l": [{"a": 2, "b": 3}]}, {}) == {"l": [{"a": 2}]}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_texts_of_a_secret_are_compared_where_they_are_stored() -> None:
    wanted = {"kind": "Secret", "stringData": {"a": "1", "b": "2"}}
    same = {"kind": "Secret", "data": {"a": encoded("1"), "b": encoded("2"), "c": "other"}}
    assert live_inputs(wanted, same, {}) == wanted
    changed = {"kind": "Secret", "data": {"a": encoded("9")}}
    assert live_inputs(wanted, changed, {})["stringData"] == {"a": "9"}


def test_an_ignored_property_takes_its_live_value_and_an_absent_one_goes() -> None:
    manifest = {"spec": {"replicas": 1, "gone": 1, "list": [{"image": "a"}]}}
    prepare_ignored(
        manifest,
        {"spec": {"replicas": 5, "list": [{"image": "b"}]}},
        ["spec.replicas", "spec.gone", "spec.list[0].image", "spec.not.there"],
    )
    assert manifest == {"spec": {"replicas": 5, "list": [{"image": "b"}]}}


ACCOUNT = identity_of_token("kubernetes:core/v1:ServiceAccount")


def test_a_type_token_names_kind_and_api_version() -> None:
    assert Identity("v1", "ServiceAccount", "", "") == ACCOUNT
    assert identity_of_token("kubernetes:apps/v1:Deployment", "ns/name") == Identity(
        "apps/v1", "Deployment", "ns", "name"
    )


def test_a_missing_name_is_made_once() -> None:
    first = checked({"metadata": {}}, {}, ACCOUNT, "My Account", b"seed")
    name = first["metadata"]["name"]
    assert name.startswith("my-account-")
    again = checked({"metadata": {}}, first, ACCOUNT, "My Account", b"other seed")
    assert again["metadata"]["name"] == name
    replaced = checked({"metadata": {}}, {}, ACCOUNT, "My Account", b"other seed")
    assert replaced["metadata"]["name"] != name


def test_an_unknown_name_stays_unknown() -> None:
    assert checked({"metadata": {"name": UNKNOWN}}, {}, ACCOUNT, "a", b"")["metadata"] == {"name": UNKNOWN}


def test_the_content_of_a_secret_is_always_secret() -> None:
    identity = identity_of_token("kubernetes:core/v1:Secret")
    inputs = checked({"metadata": {"name": "s"}, "stringData": {"a": Secret("x")}}, {}, identity, "s", b"")
    assert inputs["stringData"] == Secret({"a": "x"})
    state = checkpoint({"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}}, inputs, "manager")
    assert state["data"] == Secret({"a": "eA=="})


def test_the_state_has_what_pulumis_own_plugin_keeps_and_no_managed_fields() -> None:
    inputs = {"kind": "X", "metadata": {"name": "x"}, "spec": {"token": Secret("t")}}
    live = {"kind": "X", "apiVersion": "e.com/v1", "metadata": {"name": "x", "managedFields": [{}]}}
    assert checkpoint(live, inputs, "manager") == {
        "kind": "X",
        "apiVersion": "e.com/v1",
        "metadata": {"name": "x"},
        "__inputs": inputs,
        "__initialApiVersion": "e.com/v1",
        "__fieldManager": "manager",
    }


def test_a_plan_leaves_unknown_what_the_server_decides() -> None:
    inputs = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}}
    dry_run = {**inputs, "metadata": {"name": "s", "uid": "1"}, "spec": {"ports": [], "clusterIP": "10.0.0.9"}}
    planned = planned_outputs(dry_run, inputs, existing=False)
    assert planned["metadata"]["uid"] is UNKNOWN
    assert planned["status"] is UNKNOWN
    assert planned["spec"]["clusterIP"] is UNKNOWN
    fixed = {**inputs, "spec": {"clusterIP": "None"}}
    assert planned_outputs(fixed, fixed, existing=False)["spec"]["clusterIP"] == "None"
    kept = planned_outputs(dry_run, inputs, existing=True)
    assert kept["metadata"]["uid"] == "1"
    assert kept["spec"]["clusterIP"] == "10.0.0.9"
