"""The program, run for what `init` has written: nothing is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.lab.offline_engine import NOWHERE
from tests.program.recorded_program import run
from tests.unit.stack.test_new_project import ANSWERS, init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.program


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_program_registers_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(NOWHERE), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert init(kind, tmp_path / "weather", ANSWERS[kind]) == 0
    said = yaml.safe_load((tmp_path / "weather" / "Pulumi.dev.yaml").read_text())["config"]
    recorded = run("dev", {key.removeprefix("chatgpt-mesh:"): value for key, value in said.items()})
    assert recorded.error is None
    assert {"VirtualService/weather/weather", "Gateway/istio-ingress/public"} <= {
        one.name for one in recorded.resources
    }
