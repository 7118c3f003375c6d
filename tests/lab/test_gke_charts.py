"""What Istio's charts make of a GKE stack: the pitfalls whose answer is in a chart."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.rendering import rendered
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from lab.screen import Screen
from lab.toolchain import Toolchain
from tests.unit.components.gke_stack import TODAY


@functools.cache
def chart(name: str, *, platform: str | None = "gke") -> list[dict[str, Any]]:
    toolchain = Toolchain()
    toolchain.ensure(["istio", "helm"], Screen())
    loaded = settings.load_stack(settings.ROOT / "Pulumi.prod.yaml", TODAY)
    mesh = Mesh(loaded, TODAY)
    values = checked.charts_of(loaded.istio, loaded.cluster, mesh, mesh_config(mesh), platform)[name]
    return rendered(
        values,
        toolchain.istio_charts,
        toolchain.path("helm"),
        release=name,
        namespace="istio-system",
        kubernetes="1.35.2-gke.1000",
    )


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [found for found in objects if found["kind"] == kind]


def test_p2_istiods_policy_lets_webhooks_in_from_wherever_gke_calls() -> None:
    (policy,) = of_kind(chart("istiod"), "NetworkPolicy")
    webhooks = [rule for rule in policy["spec"]["ingress"] if {"protocol": "TCP", "port": 15017} in rule["ports"]]
    assert webhooks
    assert all("from" not in rule for rule in webhooks), "konnectivity's pods call, or the control plane does"


def test_p3_the_cni_plugins_priority_class_has_its_quota() -> None:
    (quota,) = of_kind(chart("cni"), "ResourceQuota")
    assert "system-node-critical" in str(quota["spec"]["scopeSelector"])
    assert not of_kind(chart("cni", platform=None), "ResourceQuota"), "it is the platform that brings it"


def test_p3_the_cni_plugin_is_put_where_gkes_image_can_be_written() -> None:
    (daemon_set,) = of_kind(chart("cni"), "DaemonSet")
    paths = [
        volume["hostPath"]["path"]
        for volume in daemon_set["spec"]["template"]["spec"]["volumes"]
        if "hostPath" in volume
    ]
    assert "/home/kubernetes/bin" in paths


@pytest.mark.parametrize(("platform", "excluded"), [("gke", "169.254.169.254/32"), (None, "")])
def test_p9_sidecars_leave_the_metadata_server_alone(platform: str | None, excluded: str) -> None:
    injector = next(
        found
        for found in of_kind(chart("istiod", platform=platform), "ConfigMap")
        if found["metadata"]["name"] == "istio-sidecar-injector"
    )
    assert f'"excludeIPRanges": "{excluded}"' in injector["data"]["values"]


def test_p9_applications_start_after_their_proxy() -> None:
    config = next(found for found in of_kind(chart("istiod"), "ConfigMap") if found["metadata"]["name"] == "istio")
    assert "holdApplicationUntilProxyStarts: true" in config["data"]["mesh"]
