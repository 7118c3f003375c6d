"""Node pools."""

from __future__ import annotations

import pytest

from tests.program.gke.registered import CLUSTER, POOL, cluster, pool, registered, the
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program


class TestPools:
    def test_p10_what_the_api_reports_back_is_no_difference(self, gke: Recorded) -> None:
        assert the(gke, CLUSTER).ignore_changes == ("nodeConfig", "initialNodeCount", "nodePools")
        assert the(gke, POOL).ignore_changes == ("initialNodeCount",)
        assert cluster(gke)["removeDefaultNodePool"] is True
        assert "version" not in pool(gke)

    def test_a_pool_is_replaced_beside_itself_and_drained(self, gke: Recorded) -> None:
        assert "name" not in pool(gke), "a fixed name has the old pool deleted first"
        (drain,) = pool(gke)["nodeDrainConfigs"]
        assert drain["respectPdbDuringNodePoolDeletion"] is True
        assert pool(gke)["upgradeSettings"] == {"strategy": "SURGE", "maxSurge": 1, "maxUnavailable": 0}
        assert pool(gke)["management"] == {"autoRepair": True, "autoUpgrade": True}

    def test_blue_green_keeps_the_old_nodes_for_a_while(self) -> None:
        upgrade = {"strategy": "blue-green", "soak": "2h"}
        settings = pool(registered({"cluster/pools/mesh/upgrade": upgrade}))["upgradeSettings"]
        assert settings["blueGreenSettings"]["nodePoolSoakDuration"] == "7200s"

    def test_sizes_are_for_all_zones_together(self, gke: Recorded) -> None:
        scaling = pool(gke)["autoscaling"]
        assert (scaling["totalMinNodeCount"], scaling["totalMaxNodeCount"]) == (3, 9)
        assert "nodeCount" not in pool(gke)

    def test_a_taint_is_written_as_gkes_api_does(self) -> None:
        edge = {
            "machine_type": "e2-standard-2",
            "nodes": {"min": 1, "max": 3},
            "taints": [{"key": "dedicated", "value": "istio-gateway"}],
        }
        recorded = registered({"cluster/pools/edge": edge})
        (taint,) = recorded.named("edge").inputs["nodeConfig"]["taints"]
        assert taint == {"key": "dedicated", "value": "istio-gateway", "effect": "NO_SCHEDULE"}
