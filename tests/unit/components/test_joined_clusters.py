"""A GKE stack that names another one: what it must say, what the network becomes, and ranges that do not fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.components.gke_stack import load, sentences

if TYPE_CHECKING:
    from pathlib import Path

ENCRYPTED = {"secure": "v1:abc"}
NAMES = {"mesh": "chatgpt", "cluster": "east", "network": "vpc-east"}
APP = {"namespace": "weather", "service": {"port": 8080}, "mcp": {"stateless": True}, "cluster_failover": True}
CA = {"cert": ENCRYPTED, "key": ENCRYPTED, "root": ENCRYPTED}
PEER = {"stack": "acme/mesh/west"}
SOUND: dict[str, Any] = {
    "istio/multi_cluster": {**NAMES, "ca": CA, "peer": PEER},
    "cluster/access": {"dns": {"service_account_tokens": True}},
    "apps": {"weather": APP},
}


def said(tmp_path: Path, **changes: Any) -> list[str]:
    """About the sound stack with changes of `istio.multi_cluster`."""
    return sentences(tmp_path, {**SOUND, "istio/multi_cluster": {**SOUND["istio/multi_cluster"], **changes}})


def outputs(tmp_path: Path, **changes: Any) -> str:
    own = {**NAMES, "cluster": "west", "network": "vpc-west", "root_sha256": "00", "peer": "acme/mesh/east"}
    found = {
        "schema_version": 1,
        "trust_domain": "cluster.local",
        "istio_version": "1.31.4",
        "multi_cluster": {**own, "failing_over": ["weather.weather.svc.cluster.local"]},
        "multi_cluster_reader": "[secret]",
        "network_id": "projects/acme/global/networks/west",
        "subnet_cidr": "10.32.0.0/20",
        "pods_cidr": "10.36.0.0/14",
        "services_cidr": "10.40.0.0/20",
        "control_plane_cidr": "10.40.16.0/28",
        **changes,
    }
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return str(path)


def test_a_stack_that_names_another_one_has_no_mistake(tmp_path: Path) -> None:
    assert sentences(tmp_path, SOUND) == []


def test_each_part_needs_the_others(tmp_path: Path) -> None:
    (found,) = said(tmp_path, ca=None)
    assert found.startswith("istio.multi_cluster.ca: is missing")
    (found,) = sentences(tmp_path, {**SOUND, "apps": {"weather": {**APP, "cluster_failover": False}}})
    assert found.startswith("istio.multi_cluster.peer: is for apps that may be answered in the other cluster")
    (found,) = said(tmp_path, peer=None)
    assert found.startswith("apps.weather.cluster_failover: needs a cluster to fail over to")
    both = said(tmp_path, peer=None, gateway={"min_available": 1}, api_server="https://10.0.0.2")
    assert len([one for one in both if "means nothing without peer" in one]) == 2


def test_the_other_clusters_istiod_is_let_in(tmp_path: Path) -> None:
    for access in ({}, {"dns": {"external": False, "service_account_tokens": True}}, {"ip": {"authorized": {}}}):
        (found,) = sentences(tmp_path, {**SOUND, "cluster/access": access})
        assert found.startswith("cluster.access: must let the other cluster's istiod in")
    (found,) = said(tmp_path, api_server="https://10.0.0.2")
    assert found == "istio.multi_cluster.api_server: is known of a cluster that this stack makes; remove it"


def test_a_cluster_that_is_there_says_where_it_is_reached(tmp_path: Path) -> None:
    changes = {**SOUND, "project": None, "network": None, "cluster/access": None, "cluster/pools": None}
    existing = {**changes, "cluster": {"kind": "existing", "context": "east"}}
    (found,) = sentences(tmp_path, existing)
    assert found.startswith("istio.multi_cluster.api_server: is missing")


def test_the_gateways_pods_are_judged_as_any_gateways(tmp_path: Path) -> None:
    (found,) = said(tmp_path, gateway={"replicas": {"min": 5, "max": 2}})
    assert found.startswith("istio.multi_cluster.gateway.replicas.max: must be at least replicas.min")


@pytest.mark.parametrize("name", ["nodes", "pods", "services", "control_plane"])
def test_ranges_of_joined_networks_do_not_overlap(tmp_path: Path, name: str) -> None:
    changes = {f"network/{name}": {"nodes": "10.32.0.0/20", "pods": "10.36.0.0/14"}.get(name, "10.40.0.0/28")}
    if name == "services":
        changes[f"network/{name}"] = "10.40.0.0/20"
    path = outputs(tmp_path)
    joined = {**SOUND["istio/multi_cluster"], "peer": {**PEER, "outputs": path}}
    found = sentences(tmp_path, {**SOUND, "istio/multi_cluster": joined, **changes})
    assert any(one.startswith(f"network.{name}: overlaps network.") and "of acme/mesh/west" in one for one in found)
    assert sentences(tmp_path, {**SOUND, "istio/multi_cluster": joined}) == []


def test_tools_without_the_engine_take_the_outputs_of_a_file(tmp_path: Path) -> None:
    path = outputs(tmp_path, trust_domain="west.local")
    (found,) = said(tmp_path, peer={**PEER, "outputs": path})
    assert found.startswith("trust_domain: must be that of acme/mesh/west, west.local")
    loaded = load(
        tmp_path,
        {**SOUND, "istio/multi_cluster": {**SOUND["istio/multi_cluster"], "peer": {**PEER, "outputs": "not-there"}}},
    )
    assert loaded.istio.multi_cluster is not None
    assert loaded.istio.multi_cluster.peer is not None
    assert loaded.istio.multi_cluster.peer.cluster is None
