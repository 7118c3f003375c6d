"""Every alert fires on a fault and ends after it, in a real Prometheus over the real mesh.

The windows of alerts are divided by one declared number; those that ship are tested with promtool, in
tests/unit/components/test_alerts.py, where a test also says that no alert is without a fault here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatgpt_mesh.components.alerts import Alert, Severity, groups
from chatgpt_mesh.mesh.build import Mesh
from tests.lab.alerts.counted_mesh import api, counted_mesh, sending
from tests.lab.alerts.course import course
from tests.lab.alerts.faults import ALERTS, FAULTS, Scene
from tests.lab.running_lab import RunningLab
from tests.unit.golden.product import TODAY

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def scene(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    mesh = Mesh(lab.stack, TODAY)
    usual = [lab.call(), *[api(lab)] * 2]
    with (
        counted_mesh(lab, groups(ALERTS, mesh, ()), tmp_path_factory.mktemp("prometheus")) as prometheus,
        # Somebody calls, and is answered.
        sending(*usual, every=1),
    ):
        yield Scene(lab, mesh, prometheus)


def test_every_rule_is_evaluated_and_none_fires_for_nothing(scene: Scene) -> None:
    assert scene.prometheus.rule_errors() == {}
    assert scene.prometheus.firing() == []


@pytest.mark.parametrize(("alert", "severity"), FAULTS)
def test_it_fires_on_a_fault_and_ends_after_it(scene: Scene, alert: Alert, severity: Severity) -> None:
    print(course(scene, alert, severity))
