"""A namespace's quota and the people in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from chatgpt_mesh.components.specs.namespace import NamespaceSpec, problems
from chatgpt_mesh.components.tenancy import manifests


def of(**settings: Any) -> dict[str, dict[str, Any]]:
    spec = NamespaceSpec.model_validate(settings)
    return {found["kind"] + "/" + found["metadata"]["name"]: found for found in manifests("shop", spec)}


def test_a_quota_leaves_no_way_in_past_the_gateways_unless_it_says_so() -> None:
    assert of(quota={"pods": 50})["ResourceQuota/apps"]["spec"]["hard"] == {
        "pods": "50",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }
    opened = of(quota={"load_balancers": 1, "cpu": "40"})["ResourceQuota/apps"]["spec"]["hard"]
    assert (opened["services.loadbalancers"], opened["requests.cpu"]) == ("1", "40")


def test_groups_get_kubernetes_own_roles_in_this_namespace_alone() -> None:
    found = of(editors=["chatgpt@example.com"], viewers=["support@example.com"])
    assert found.keys() == {"RoleBinding/people-edit", "RoleBinding/people-view"}
    assert found["RoleBinding/people-edit"]["roleRef"]["name"] == "edit"
    assert [who["name"] for who in found["RoleBinding/people-view"]["subjects"]] == ["support@example.com"]


def test_nothing_said_makes_nothing() -> None:
    assert of() == {}


def test_a_number_that_limits_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        of(quota={"pods": 0})


def test_a_namespace_of_nobody_is_named() -> None:
    read = {"apps": {"mcp": SimpleNamespace(namespace="shop")}, "namespaces": {"shpo": NamespaceSpec()}}
    assert [str(problem) for problem in problems(read, frozenset())] == [
        "namespaces.shpo: no app of this stack runs in it, and no grant names it; there are: shop"
    ]
    assert not list(problems(read, frozenset({"apps.other"})))
    assert not list(problems(read, frozenset({"grants.other"})))
    granted = {**read, "grants": {"shipping": SimpleNamespace(namespaces=("shpo",))}}
    assert not list(problems(granted, frozenset()))
