"""Names of a mesh of several clusters reach istiod, and with it every proxy."""

from __future__ import annotations

from chatgpt_mesh.components.chart_values import istiod_values
from chatgpt_mesh.components.specs.istio import IstioSpec
from chatgpt_mesh.istio_api.mesh_config import MeshConfig
from chatgpt_mesh.istio_api.version import RELEASE


def istiod_globals(**settings: object) -> dict[str, object]:
    spec = IstioSpec.model_validate({"version": RELEASE, **settings})
    return istiod_values(spec, MeshConfig(), revision=None, platform=None).to_dict()["global"]


def test_mesh_cluster_and_network_are_named() -> None:
    names = {"mesh": "chatgpt", "cluster": "production-us-central1", "network": "us-central1"}
    found = istiod_globals(multi_cluster=names)
    assert found["meshID"] == "chatgpt"
    assert found["multiCluster"] == {"clusterName": "production-us-central1"}
    assert found["network"] == "us-central1"


def test_a_cluster_that_is_a_mesh_of_its_own_keeps_the_charts_names() -> None:
    assert not istiod_globals().keys() & {"meshID", "multiCluster", "network"}
