"""Whose fields an update takes over before it applies its own."""

from __future__ import annotations

from typing import Any

import pytest

from lab.plugins.kubernetes.connection import KubernetesError
from lab.plugins.kubernetes.managers import only_taken_over, taken_over
from lab.plugins.kubernetes.objects import Identity, explain

pytestmark = pytest.mark.unit


def entry(manager: str, operation: str, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": {f"f:{manager}": {"f:a": {}}}, **more}


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "managedFields": list(entries)}}


def test_what_pulumis_own_plugin_has_created_becomes_the_resources_own() -> None:
    found = taken_over(live(entry("pulumi-kubernetes", "Update"), entry("istiod", "Update")), "mine")
    assert found == [
        {
            "manager": "mine",
            "operation": "Apply",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:pulumi-kubernetes": {"f:a": {}}},
        },
        entry("istiod", "Update"),
    ]


def test_what_the_resource_has_already_stays_its_own() -> None:
    kubectl = {**entry("kubectl-edit", "Update"), "fieldsV1": {"f:mine": {"f:b": {}}}}
    found = taken_over(live(entry("mine", "Apply"), kubectl), "mine")
    assert found is not None
    assert [one["fieldsV1"] for one in found] == [{"f:mine": {"f:a": {}, "f:b": {}}}]


@pytest.mark.parametrize(
    "other",
    [
        entry("istiod", "Update"),
        entry("pulumi-kubernetes-0123", "Apply"),
        entry("kubectl", "Update", subresource="scale"),
    ],
)
def test_what_another_holds_is_left_alone(other: dict[str, Any]) -> None:
    assert taken_over(live(entry("mine", "Apply"), other), "mine") is None


def test_an_object_without_managers_has_nobody_to_take_from() -> None:
    assert taken_over({"apiVersion": "v1", "metadata": {}}, "mine") is None


def conflict(*managers: str) -> list[dict[str, Any]]:
    said = [f'conflict with "{manager}" using v1' for manager in managers]
    return [{"reason": "FieldManagerConflict", "field": ".data.key", "message": message} for message in said]


def test_a_preview_knows_who_will_have_been_taken_over() -> None:
    assert only_taken_over(conflict("kubectl-patch", "pulumi-kubernetes"))
    assert not only_taken_over(conflict("kubectl-patch", "istiod"))
    assert not only_taken_over([{"message": 'conflict with "kubectl" with subresource "scale" using v1'}])
    assert not only_taken_over([])


def test_a_conflict_is_a_sentence_with_the_way_out_for_that_object() -> None:
    error = KubernetesError(409, {"message": "Apply failed", "details": {"causes": conflict("another-team")}})
    said = str(explain(Identity("v1", "ConfigMap", "ns", "c"), "updated", error, set(), "urn:pulumi:lab::p::t::c"))
    assert said.startswith("ConfigMap ns/c cannot be updated: other field managers own fields")
    assert '.data.key (conflict with "another-team" using v1)' in said
    assert "PULUMI_K8S_ENABLE_PATCH_FORCE=true pulumi up --target 'urn:pulumi:lab::p::t::c'" in said
    assert "pulumi up --skip-preview --continue-on-error" in said
