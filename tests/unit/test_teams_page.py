"""docs/teams.md: the outputs that its second stack reads are those of its first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chatgpt_mesh.components.outputs import outputs
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.stack.settings import load_stack
from tests.documentation import as_stack, blocks
from tests.surroundings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

OUTPUTS = ROOT / "examples" / "team" / "outputs.json"


def platform_outputs(directory: Path) -> str:
    (block,) = [
        one for one in blocks("yaml stack") if "chatgpt-mesh:grants" in one.text and one.page.name == "teams.md"
    ]
    stack = load_stack(as_stack(block, directory))
    mesh = Mesh(stack, dates.today())
    made = [declared.name for declared in mesh.namespaces]
    found = outputs(stack.istio, mesh, stack.istio.injects, made=made, needs=())
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def test_the_committed_outputs_are_those_of_the_platforms_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert OUTPUTS.read_text(encoding="utf-8") == platform_outputs(tmp_path)
