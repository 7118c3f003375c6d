"""The stacks that ship have no finding but those that they accept, each with its date and reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from tests.surroundings import ROOT, surroundings

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize("stack", ["staging", "prod", "lab"])
def test_nothing_is_found_that_is_not_accepted(stack: str, tmp_path: Path) -> None:
    with surroundings(tmp_path):
        declared = settings.load_stack(ROOT / f"Pulumi.{stack}.yaml", TODAY)
    mesh = Mesh(declared, TODAY)
    platform = "gke" if declared.cluster.kind == "gke" else None
    charts = checked.charts_of(declared.istio, declared.cluster, mesh, mesh_config(mesh), platform)
    errors, warnings = checked.judged(mesh, charts, declared.istio.injects, accept=declared.accept, today=TODAY)
    assert [*map(str, errors), *map(str, warnings)] == []
