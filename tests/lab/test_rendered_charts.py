"""What Istio's charts make of each stack's values, rendered by Helm. No cluster is needed; about ten seconds."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.rendering import rendered
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from lab.screen import Screen
from lab.toolchain import Toolchain
from tests.surroundings import STACKS, surroundings

TODAY = date(2026, 11, 24)

Objects = list[dict[str, Any]]


@functools.cache
def charts_of(stack: str) -> Mapping[str, Objects]:
    """The objects of every chart of a stack, by `istiod` or `gateway/NAMESPACE/RELEASE`."""
    toolchain = Toolchain()
    toolchain.ensure(["istio", "helm"], Screen())
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        loaded = settings.load_stack(settings.ROOT / f"Pulumi.{stack}.yaml", TODAY)
    mesh = Mesh(loaded, TODAY)
    found: dict[str, Objects] = {}
    for name, values in checked.charts_of(
        loaded.istio, loaded.cluster, mesh, mesh_config(mesh), loaded.istio.platform
    ).items():
        _, namespace, release = name.split("/") if name.startswith("gateway/") else ("", "istio-system", name)
        found[name] = rendered(
            values, toolchain.istio_charts, toolchain.path("helm"), release=release, namespace=namespace
        )
    return found


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def of_kind(objects: Objects, kind: str) -> Objects:
    return [found for found in objects if found["kind"] == kind]


def the(objects: Objects, kind: str) -> dict[str, Any]:
    (found,) = of_kind(objects, kind)
    return found


@pytest.mark.parametrize("chart", ["base", "istiod"])
def test_webhooks_that_validate_fail_closed_from_the_start(stack: str, chart: str) -> None:
    """Otherwise istiod changes them when it is ready, and the next `up` conflicts with it."""
    webhooks = of_kind(charts_of(stack)[chart], "ValidatingWebhookConfiguration")
    assert webhooks
    assert {hook["failurePolicy"] for found in webhooks for hook in found["webhooks"]} == {"Fail"}


def test_no_chart_has_a_hook_that_pulumi_would_drop(stack: str) -> None:
    hooked = [
        f"{found['kind']}/{found['metadata']['name']}"
        for objects in charts_of(stack).values()
        for found in objects
        if any(key.startswith("helm.sh/hook") for key in found["metadata"].get("annotations") or {})
    ]
    assert not hooked


@pytest.mark.parametrize("stack", ["staging", "prod"])
class TestHighAvailability:
    def test_istiod_scales_and_keeps_one_pod_through_a_node_upgrade(self, stack: str) -> None:
        objects = charts_of(stack)["istiod"]
        scaler, budget = the(objects, "HorizontalPodAutoscaler"), the(objects, "PodDisruptionBudget")
        assert scaler["spec"]["minReplicas"] >= 2
        assert budget["spec"]["minAvailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"

    def test_every_gateway_scales_and_keeps_fewer_pods_than_it_has(self, stack: str) -> None:
        for name, objects in charts_of(stack).items():
            if name.startswith("gateway/"):
                scaler, budget = the(objects, "HorizontalPodAutoscaler"), the(objects, "PodDisruptionBudget")
                assert 1 <= budget["spec"]["minAvailable"] < scaler["spec"]["minReplicas"], name

    def test_pods_are_spread_over_zones_and_nodes(self, stack: str) -> None:
        for name in ("istiod", *(name for name in charts_of(stack) if name.startswith("gateway/"))):
            template = the(charts_of(stack)[name], "Deployment")["spec"]["template"]
            constraints = template["spec"]["topologySpreadConstraints"]
            assert [found["topologyKey"] for found in constraints] == [
                "topology.kubernetes.io/zone",
                "kubernetes.io/hostname",
            ], name
            for found in constraints:
                assert found["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items(), name


def test_a_single_pod_has_no_budget_that_would_hold_up_its_node() -> None:
    for name in ("istiod", "gateway/istio-ingress/istio-ingressgateway"):
        assert not of_kind(charts_of("lab")[name], "PodDisruptionBudget"), name


class TestGateways:
    def gateways(self, stack: str) -> dict[str, Objects]:
        return {name: objects for name, objects in charts_of(stack).items() if name.startswith("gateway/")}

    def test_names_and_labels_are_those_that_policies_and_routes_go_by(self, stack: str) -> None:
        with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
            declared = settings.load_stack(settings.ROOT / f"Pulumi.{stack}.yaml", TODAY).gateways
        for spec in declared.values():
            objects = self.gateways(stack)[f"gateway/{spec.home}/{spec.release_name}"]
            pod = the(objects, "Deployment")["spec"]["template"]
            assert pod["metadata"]["labels"].items() >= spec.pod_labels.items()
            assert pod["spec"]["serviceAccountName"] == spec.service_account
            service = the(objects, "Service")
            assert service["metadata"]["name"] == spec.release_name
            assert {port["port"] for port in service["spec"]["ports"]} == {15021, *(port for _, port in spec.ports)}

    def test_a_stopped_pod_may_end_its_longest_call(self, stack: str) -> None:
        for name, objects in self.gateways(stack).items():
            pod = the(objects, "Deployment")["spec"]["template"]["spec"]
            assert pod["terminationGracePeriodSeconds"] > (600 if "ingress" in name else 45), name
            (container,) = pod["containers"]
            assert {"name": "EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "value": "true"} in container["env"]

    def test_clients_keep_their_addresses_behind_a_load_balancer(self) -> None:
        for stack in ("staging", "prod"):
            service = the(self.gateways(stack)["gateway/istio-ingress/istio-ingressgateway"], "Service")["spec"]
            assert (service["type"], service["externalTrafficPolicy"]) == ("LoadBalancer", "Local")

    def test_a_proxy_has_no_limit_of_processor_time(self, stack: str) -> None:
        """A throttled gateway shows as latency everywhere."""
        for name, objects in self.gateways(stack).items():
            (container,) = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
            assert "cpu" not in container["resources"]["limits"], name


class TestMeshConfig:
    def test_istiod_gets_the_declared_mesh_configuration(self, stack: str) -> None:
        import yaml

        (config,) = [
            found for found in of_kind(charts_of(stack)["istiod"], "ConfigMap") if found["metadata"]["name"] == "istio"
        ]
        mesh = yaml.safe_load(config["data"]["mesh"])
        assert mesh["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
        assert mesh["pathNormalization"] == {"normalization": "BASE"}
        assert mesh["defaultConfig"]["drainDuration"] == "600s"
        assert mesh["defaultConfig"]["holdApplicationUntilProxyStarts"] is True
