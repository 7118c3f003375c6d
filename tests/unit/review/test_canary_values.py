"""What a stack keeps encrypted is in no output of the product, whichever setting holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.components.alerts import groups, manifest
from chatgpt_mesh.components.istio_needs import differences, needs_of
from chatgpt_mesh.components.login import manifests
from chatgpt_mesh.components.managed_prometheus import Scraped, pod_monitorings
from chatgpt_mesh.components.observability import config_maps, kiali_values, upstreams
from chatgpt_mesh.components.observability_charts import grafana_values, prometheus_values
from chatgpt_mesh.components.observability_policies import policies
from chatgpt_mesh.components.outputs import outputs
from chatgpt_mesh.control_plane.installation import Installation
from chatgpt_mesh.review.changes import forms
from chatgpt_mesh.review.changes.difference import between
from chatgpt_mesh.review.page.page import page
from chatgpt_mesh.review.picture.mermaid import changed, mermaid
from chatgpt_mesh.review.picture.scene import scene
from chatgpt_mesh.review.picture.svg import svg
from chatgpt_mesh.review.version import Version
from tests.unit.stack import hostile_values
from tests.unit.stack.hostile_values import Leaf, as_yaml, with_value

pytestmark = pytest.mark.unit

CANARY = "v1:canary-value"
TODAY = date(2026, 11, 24)


def sealed() -> list[Leaf]:
    """Every setting that may be encrypted: a text that `[secret]`, as which it is read, does not make wrong."""
    accepted = hostile_values.accepted()
    return [leaf for leaf in hostile_values.leaves() if not leaf.key and "[secret]" in accepted.get(str(leaf), ())]


def written(version: Version) -> Iterator[tuple[str, Any]]:
    """Everything that the product makes of a stack, by name."""
    spec, mesh, istio = version.settings.observability, version.mesh, version.settings.istio
    needs = needs_of(mesh, istio.injects, version.settings.platform, version.settings.existing_namespaces)
    scraped = Scraped(proxies=[one.name for one in mesh.namespaces], control_plane=True, cert_manager="cert-manager")
    told = outputs(istio, mesh, istio.injects, made={}, needs=())
    yield "objects", version.objects
    yield "charts", version.charts
    yield "outputs", {name: str(value) for name, value in told.items()}
    # What `mesh needs` and `mesh verify` say of a cluster that has nothing of it.
    yield "needs", [str(need) for need in needs]
    yield "verify", differences(needs, Installation("default"))
    drawn = scene(version)
    yield "picture", svg(drawn)
    yield "picture as Mermaid", mermaid(drawn)
    yield "report", page(version)
    if spec.kiali is not None:
        yield "Kiali", kiali_values(spec.kiali, spec.grafana, spec.metrics_url)
    if spec.grafana is not None:
        yield "dashboards", list(config_maps(spec.grafana, mesh))
        if spec.grafana.install is not None:
            yield "Grafana", grafana_values(spec.grafana, spec.grafana.install, spec.metrics_url, spec.login)
    if spec.alerts is not None:
        yield "alerts", manifest(spec.alerts, mesh, version.settings.accept)
        if spec.prometheus is not None:
            rules = groups(spec.alerts, mesh, version.settings.accept)
            yield "Prometheus", prometheus_values(spec.prometheus, scraped, rules)
    if spec.managed_prometheus is not None:
        yield "PodMonitorings", list(pod_monitorings(spec.managed_prometheus, scraped))
    if spec.login is not None:
        yield "login", list(manifests(spec.login, upstreams(spec)))
    yield "policies", list(policies(spec, scraped))


def version(directory: Path, name: str, stack: dict[str, Any]) -> Version:
    (directory / "Pulumi.yaml").write_text("name: test\n", encoding="utf-8")
    path = directory / f"Pulumi.{name}.yaml"
    document = {"config": {f"chatgpt-mesh:{key}": value for key, value in stack.items()}}
    path.write_text(as_yaml(document), encoding="utf-8")
    return Version.read(name, path, TODAY)


def test_there_are_settings_to_encrypt() -> None:
    assert len(sealed()) > 30
    assert "observability.login.client_id" in map(str, sealed())


@pytest.mark.parametrize("leaf", sealed(), ids=str)
def test_an_encrypted_setting_is_in_no_output(leaf: Leaf, tmp_path: Path) -> None:
    before = version(tmp_path, "before", hostile_values.stacks()[leaf.stack])
    now = version(tmp_path, "now", with_value(leaf, {"secure": CANARY}))
    said = {name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in written(now)}
    changes = between(before, now)
    said |= {"diff": forms.text(changes), "comment": forms.markdown(changes, changed(scene(before), scene(now)))}
    said["diff as JSON"] = forms.as_json(changes)
    assert [name for name, text in said.items() if "canary-value" in text] == []


def test_in_clear_the_canary_sings(tmp_path: Path) -> None:
    (leaf,) = [leaf for leaf in sealed() if str(leaf) == "observability.login.client_id"]
    before = version(tmp_path, "before", hostile_values.stacks()[leaf.stack])
    now = version(tmp_path, "now", with_value(leaf, "canary-value"))
    assert "canary-value" in forms.text(between(before, now))
    assert "canary-value" in json.dumps(dict(written(now))["login"])
