"""What docs/recovery.md says of the prod stack: what survives a zone, and what a new cluster can be made from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.program.gke.registered import cluster
from tests.program.recorded_program import Recorded, Registered, run
from tests.surroundings import own_layer

pytestmark = pytest.mark.program

ZONES = ["us-central1-a", "us-central1-b", "us-central1-c"]


@pytest.fixture(scope="module")
def prod() -> Recorded:
    recorded = run("prod", own_layer("prod"))
    assert recorded.error is None
    return recorded


def charts(prod: Recorded) -> dict[str, Registered]:
    return {one.name: one for one in prod.resources if one.type == "kubernetes:helm.sh/v4:Chart"}


def spread_of(values: dict[str, Any]) -> set[str]:
    return {one["topologyKey"] for one in values["topologySpreadConstraints"]}


def test_control_plane_and_nodes_are_the_regions(prod: Recorded) -> None:
    assert cluster(prod)["location"] == "us-central1"
    pools = prod.of_type("gcp:container/nodePool:NodePool")
    assert pools
    for pool in pools:
        assert pool.inputs.get("nodeLocations", cluster(prod)["nodeLocations"]) == ZONES
        assert pool.inputs["autoscaling"]["totalMinNodeCount"] >= len(ZONES)


def test_istiod_gateways_and_cert_manager_are_spread_over_zones(prod: Recorded) -> None:
    spread = {
        name: spread_of(one.inputs["values"])
        for name, one in charts(prod).items()
        if "topologySpreadConstraints" in one.inputs["values"]
    }
    gateways = {f"istio-{kind}/istio-{kind}gateway" for kind in ("ingress", "internal", "egress")}
    assert set(spread) == {"istiod", "cert-manager", *gateways}
    assert all("topology.kubernetes.io/zone" in keys for keys in spread.values()), spread


def test_a_backup_holds_every_namespace_with_its_secrets(prod: Recorded) -> None:
    (plan,) = prod.of_type("gcp:gkebackup/backupPlan:BackupPlan")
    assert plan.inputs["backupConfig"]["allNamespaces"] is True
    assert plan.inputs["backupConfig"]["includeSecrets"] is True
    assert prod.exports["backup_plan_id"]


def test_addresses_and_network_outlive_the_cluster(prod: Recorded) -> None:
    (made,) = prod.of_type("gcp:container/cluster:Cluster")
    for kept in (*prod.of_type("gcp:compute/address:Address"), *prod.of_type("gcp:compute/network:Network")):
        assert made.urn not in prod.depends_on(kept), kept.name
