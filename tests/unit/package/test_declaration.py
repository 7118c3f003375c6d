"""What a component of the package refuses that a stack file may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.package.declaration import declared
from tests.surroundings import surroundings
from tests.unit.authorities import ca
from tests.unit.team_stack import app, platform

if TYPE_CHECKING:
    from pathlib import Path


def test_the_other_cluster_of_a_mesh_is_declared_in_stack_files(tmp_path: Path) -> None:
    stack = platform(
        grants={}, apps={"invoices": app(auth=None, open=True, mcp={"stateless": True}, cluster_failover=True)}
    )
    names = {"mesh": "chatgpt", "cluster": "east", "network": "east", "api_server": "https://10.0.0.2:6443"}
    joined = {**names, "ca": ca(), "peer": {"stack": "acme/chatgpt-mesh/west"}}
    given = {**stack, "istio": {**stack["istio"], "multi_cluster": joined}}
    del given["cluster"]
    with surroundings(tmp_path / "machine"), pytest.raises(InvalidConfig) as refused:
        declared(given, [ca()["key"]])
    (found,) = refused.value.problems
    assert found.path == "istio.multi_cluster.peer"
    assert "names another stack, whose outputs a component does not read" in found.message
