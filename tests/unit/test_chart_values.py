"""The values of Istio's charts that follow from a declaration; tests/lab/test_rendered_charts.py renders them."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.components import chart_values
from chatgpt_mesh.components.specs.istio import IstioSpec
from chatgpt_mesh.istio_api.mesh_config import MeshConfig
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

pytestmark = pytest.mark.unit


def istio(**settings: Any) -> IstioSpec:
    return IstioSpec.model_validate({"version": RELEASE, **settings})


def istiod(platform: str | None = None, **settings: Any) -> dict[str, Any]:
    values = chart_values.istiod_values(istio(**settings), MeshConfig(), revision=None, platform=platform)
    return values.to_dict()


def gateway(
    workload: dict[str, Any] | None = None, *, kind: str = "public", platform: str | None = None, **settings: Any
) -> dict[str, Any]:
    spec = GatewaySpec.model_validate({"kind": kind, "workload": workload or {}})
    return chart_values.gateway_values(spec, istio(**settings), drain_seconds=600, platform=platform).to_dict()


class TestValidation:
    def test_both_charts_fail_closed_from_the_start(self) -> None:
        assert chart_values.base_values(istio()).to_dict()["base"]["validationFailurePolicy"] == "Fail"
        assert istiod()["base"]["validationFailurePolicy"] == "Fail"


class TestKeys:
    def test_a_new_key_is_accepted_as_soon_as_is_said(self) -> None:
        refreshed = istiod(control_plane={"jwks_refresh": "1m", "environment": {"PILOT_DEBOUNCE_MAX": "5s"}})
        assert refreshed["env"] == {
            **chart_values.ISTIOD_ENVIRONMENT,
            **chart_values.OWN_GATEWAYS,
            "PILOT_JWT_PUB_KEY_REFRESH_INTERVAL": "60s",
            "PILOT_DEBOUNCE_MAX": "5s",
        }

    def test_or_after_istios_own_time(self) -> None:
        assert istiod()["env"] == {**chart_values.ISTIOD_ENVIRONMENT, **chart_values.OWN_GATEWAYS}

    @pytest.mark.parametrize("span", ["9s", "24.5h", "0s"])
    def test_not_so_often_that_issuers_are_flooded_nor_so_rarely_that_a_key_never_ends(self, span: str) -> None:
        with pytest.raises(ValueError, match='must be between "1'):
            istio(control_plane={"jwks_refresh": span})


class TestReplicas:
    def test_a_range_is_scaled_and_budgeted(self) -> None:
        values = istiod(control_plane={"replicas": {"min": 3, "max": 10}})
        assert (values["autoscaleEnabled"], values["autoscaleMin"], values["autoscaleMax"]) == (True, 3, 10)
        assert values["pdb"] == {"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}

    def test_the_same_number_twice_has_no_autoscaler(self) -> None:
        values = istiod(control_plane={"replicas": {"min": 2, "max": 2}})
        assert (values["autoscaleEnabled"], values["replicaCount"]) == (False, 2)
        assert "autoscaleMin" not in values

    def test_one_pod_has_no_budget(self) -> None:
        assert "pdb" not in istiod(control_plane={"replicas": {"min": 1, "max": 1}})
        assert "podDisruptionBudget" not in gateway({"replicas": {"min": 1, "max": 1}})

    def test_a_gateways_budget_is_its_own(self) -> None:
        values = gateway({"replicas": {"min": 3, "max": 9}, "min_available": 2})
        assert values["podDisruptionBudget"]["minAvailable"] == 2


class TestService:
    def test_an_address_by_number(self) -> None:
        assert gateway({"service": {"address": "203.0.113.7"}})["service"]["loadBalancerIP"] == "203.0.113.7"

    def test_an_address_by_name_is_googles_annotation(self) -> None:
        service = gateway({"service": {"address": "mesh-public"}}, platform="gke")["service"]
        assert "loadBalancerIP" not in service
        assert service["annotations"] == {
            "cloud.google.com/l4-rbs": "enabled",
            "networking.gke.io/load-balancer-ip-addresses": "mesh-public",
        }

    def test_an_internal_gateway_is_internal_on_gke(self) -> None:
        service = gateway(kind="internal", platform="gke")["service"]
        assert service["annotations"]["networking.gke.io/load-balancer-type"] == "Internal"

    def test_elsewhere_there_is_no_annotation_of_google(self) -> None:
        assert "annotations" not in gateway()["service"]

    def test_an_annotation_of_the_stack_wins(self) -> None:
        chosen = {"cloud.google.com/l4-rbs": "disabled"}
        assert gateway({"service": {"annotations": chosen}}, platform="gke")["service"]["annotations"] == chosen

    def test_a_service_inside_the_cluster_has_no_traffic_policy_for_the_outside(self) -> None:
        assert "externalTrafficPolicy" not in gateway({"service": {"type": "ClusterIP"}})["service"]
        assert gateway()["service"]["externalTrafficPolicy"] == "Local"


class TestRevisions:
    def test_a_gateway_follows_the_tag_and_is_renewed_when_it_moves(self) -> None:
        settings = {"revisions": {"a": "1.31.4", "b": "1.31.5"}, "tags": {"stable": "b"}, "injection": "stable"}
        values = gateway(**settings)
        assert values["revision"] == "stable"
        assert "b" in values["podAnnotations"].values()
        assert chart_values.base_values(istio(**settings)).to_dict()["defaultRevision"] == "b"

    def test_without_revisions_there_is_no_trace_of_them(self) -> None:
        values = gateway()
        assert "revision" not in values
        assert "podAnnotations" not in values
        assert chart_values.base_values(istio()).to_dict()["defaultRevision"] == "default"


def test_the_stacks_own_environment_of_istiod_wins() -> None:
    values = istiod(control_plane={"environment": {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "false", "A": "1"}})
    assert values["env"]["PILOT_FILTER_GATEWAY_CLUSTER_CONFIG"] == "false"
    assert values["env"]["A"] == "1"


def test_no_gateway_of_another_namespace_opens_anything_at_this_meshs_edge() -> None:
    assert istiod()["env"]["PILOT_SCOPE_GATEWAY_TO_NAMESPACE"] == "true"
