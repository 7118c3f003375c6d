"""The lab's stack file on another environment or another cluster."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lab.failure import WrongUseError
from lab.stack import STACK_FILE, available_stacks, lab_stack, require_stack

OWN = yaml.safe_load(STACK_FILE.read_text(encoding="utf-8"))


def settings(stack: dict[str, Any], key: str) -> Any:
    return stack["config"][f"chatgpt-mesh:{key}"]


def test_another_environments_mesh_changes_the_parent_alone() -> None:
    changed = lab_stack(OWN, "prod")
    assert settings(changed, "extends")[0] == "Pulumi.prod.yaml"
    changed["config"]["chatgpt-mesh:extends"] = OWN["config"]["chatgpt-mesh:extends"]
    assert changed == OWN


def test_a_foreign_cluster_gets_istios_own_images_and_its_own_context() -> None:
    changed = lab_stack(OWN, "staging", context="kind-mesh")
    assert settings(changed, "cluster")["context"] == "kind-mesh"
    assert "images" not in settings(changed, "istio")
    assert "environment" not in settings(changed, "istio")["control_plane"]


def test_the_checkouts_file_is_not_changed() -> None:
    before = yaml.safe_dump(OWN)
    lab_stack(OWN, "prod", context="kind-mesh")
    assert yaml.safe_dump(OWN) == before


def test_every_environment_but_the_lab_itself_can_be_run() -> None:
    assert available_stacks() == ["prod", "staging"]


def test_an_unknown_stack_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WrongUseError, match=r"There is no stack prd.*There are: prod, staging\."):
        require_stack("prd")
