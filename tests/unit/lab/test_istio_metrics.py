"""What stands in for Istio's own counting: names, labels and the shipped tags."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.components.dashboards import dashboards
from lab import istio_metrics
from tests.lab.envoy_values import Static
from tests.lab.test_envoys_parser import validated
from tests.surroundings import surroundings
from tests.unit.golden import product

pytestmark = pytest.mark.unit

LABEL = re.compile(r'[{,]([a-z_]+)(?:=~|!=|=)"|by \(([a-z_, ]+)\)')


@pytest.fixture
def built(tmp_path: Path) -> product.Built:
    with surroundings(tmp_path / "machine"):
        return product.of_stack("staging")


def tags_of(built: product.Built) -> dict[str, dict[str, str]]:
    return istio_metrics.tags([made.manifest for made in built.objects])


def test_every_tag_is_counted_and_tags_of_a_selector_are_not(built: product.Built) -> None:
    declared = built.settings.telemetry.metrics.tags
    of_requests = {name for name, tag in declared.items() if "REQUEST_COUNT" in tag.metrics}
    assert tags_of(built)["REQUEST_COUNT"].keys() == {*of_requests, "refusal", "mcp_tool"}
    tag = {"t": {"value": "'x'"}}
    everywhere = {"match": {"metric": "ALL_METRICS"}, "tagOverrides": {**tag, "gone": {"operation": "REMOVE"}}}
    spec: dict[str, Any] = {"metrics": [{"overrides": [everywhere]}]}
    found = istio_metrics.tags(
        [
            {"kind": "Telemetry", "spec": spec},
            {"kind": "Telemetry", "spec": {**spec, "selector": {}, "metrics": [{"overrides": []}]}},
            {"kind": "Gateway", "spec": {}},
        ]
    )
    assert found == {"REQUEST_COUNT": {"t": "'x'"}, "REQUEST_DURATION": {"t": "'x'"}}


def test_every_label_that_a_dashboard_asks_of_istios_metrics_is_there(built: product.Built) -> None:
    patches = json.dumps(istio_metrics.envoy_filter(tags_of(built)))
    written = {*re.findall(r'"name": "([a-z_]+)", "value_format"', patches)}
    written |= {rule["target_label"] for rule in istio_metrics.RELABEL} | {"le"}
    asked = {
        label.strip()
        for _, dashboard in dashboards(built.mesh)
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
        if "istio_" in query.expression
        for match in LABEL.findall(query.expression)
        for label in "".join(match).split(",")
    }
    assert "destination_version" in asked
    assert asked <= written


def test_envoy_takes_it(built: product.Built, tmp_path: Path) -> None:
    static = Static()
    static.add([istio_metrics.envoy_filter(tags_of(built))], {})
    done = validated(static, tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    static = Static()
    static.add([istio_metrics.envoy_filter({"REQUEST_COUNT": {"t": "a ? b"}, "REQUEST_DURATION": {}})], {})
    assert validated(static, tmp_path).returncode != 0
