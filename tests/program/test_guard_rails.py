"""The policy pack over plans: prod's passes, and each rule stops a plan that is wrong in its way."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from policy.guard_rails import GUARD_RAILS, GuardRail, Planned
from tests.program.recorded_program import Recorded, run

pytestmark = pytest.mark.program

BY_NAME = {rail.name: rail for rail in GUARD_RAILS}
ISTIO = "kubernetes:networking.istio.io/v1"
CLUSTER = "gcp:container/cluster:Cluster"
PEERS = "kubernetes:security.istio.io/v1:PeerAuthentication"
CHART = "kubernetes:helm.sh/v4:Chart"
SECURITY = "chatgpt-mesh:mesh:Security"
GOOD_CLUSTER: dict[str, Any] = {
    "deletionProtection": True,
    "controlPlaneEndpointsConfig": {"ipEndpointsConfig": {"enabled": False}},
    "privateClusterConfig": {"enablePrivateNodes": True},
    "resourceLabels": {"environment": "prod", "team": "chat"},
}


def broken(recorded: Recorded, rail: GuardRail, settings: dict[str, Any] | None = None) -> list[str]:
    planned = (Planned(one.type, one.inputs, bool(one.protect)) for one in recorded.resources)
    return [sentence for one in planned for sentence in rail.violations(one, settings)]


@pytest.fixture(scope="module")
def prod() -> Recorded:
    return run("prod")


@pytest.fixture(scope="module")
def staging() -> Recorded:
    return run("staging")


@pytest.mark.parametrize("rail", GUARD_RAILS, ids=lambda rail: rail.name)
class TestEach:
    def test_prod_passes(self, rail: GuardRail, prod: Recorded) -> None:
        assert any(rail.of.fullmatch(one.type) for one in prod.resources) or rail.name == "exceptions-end-soon"
        assert broken(prod, rail) == []

    def test_a_plan_is_stopped(self, rail: GuardRail) -> None:
        for kind, inputs, sentence in WRONG[rail.name]:
            told = rail.violations(Planned(kind, inputs, True))
            assert any(sentence in one for one in told), told


def server(host: str, **more: Any) -> dict[str, Any]:
    return {"spec": {"servers": [{"hosts": [host], "port": {"number": 443, "protocol": "HTTPS"}, **more}]}}


WRONG: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "mutual-tls-is-strict": [
        (PEERS, {"spec": {"mtls": {"mode": "PERMISSIVE"}}}, "spec.mtls.mode is PERMISSIVE"),
        (PEERS, {"spec": {"portLevelMtls": {"9090": {"mode": "DISABLE"}}}}, "spec.portLevelMtls[9090].mode is DISABLE"),
        (PEERS.replace("v1:", "v1beta1:"), {"spec": {"mtls": {"mode": "DISABLE"}}}, "DISABLE"),
    ],
    "cluster-is-protected": [
        (CLUSTER, {**GOOD_CLUSTER, "deletionProtection": False}, "deletionProtection is not true")
    ],
    "control-plane-is-private": [
        (CLUSTER, {**GOOD_CLUSTER, "controlPlaneEndpointsConfig": {}}, "has a public address"),
        (CLUSTER, {**GOOD_CLUSTER, "privateClusterConfig": {}}, "each node would have a public address"),
    ],
    "hosts-are-listed": [
        (f"{ISTIO}:Gateway", server("*"), "spec.servers[0].hosts has *"),
        (f"{ISTIO}:Gateway", server("team/*.example.com"), "team/*.example.com"),
        (f"{ISTIO}alpha3:Gateway", server("*", tls={"mode": "PASSTHROUGH"}), "has *"),
    ],
    "cluster-is-labelled": [(CLUSTER, {**GOOD_CLUSTER, "resourceLabels": {"team": "chat"}}, "lacks environment")],
    "charts-are-pinned": [
        (CHART, {"chart": "istiod"}, "version is None"),
        (CHART, {"chart": "istiod", "version": ">=1.2.0"}, "version is '>=1.2.0'"),
        ("kubernetes:helm.sh/v3:Release", {"chart": "istiod", "version": "1.31"}, "version is '1.31'"),
    ],
    "exceptions-end-soon": [
        (
            SECURITY,
            {
                "exceptions": [
                    {
                        "declared_at": "accept[0]",
                        "until": (date.today() + timedelta(days=91)).isoformat(),
                        "what": "MCP315 of Gateway/a/b is accepted",
                    }
                ]
            },
            "accept[0] lasts until",
        )
    ],
}


def test_a_cluster_that_pulumi_may_delete_is_told() -> None:
    [sentence] = BY_NAME["cluster-is-protected"].violations(Planned(CLUSTER, GOOD_CLUSTER, False))
    assert "not protected" in sentence


def test_what_a_resource_of_another_type_says_is_not_read() -> None:
    assert BY_NAME["charts-are-pinned"].violations(Planned("kubernetes:core/v1:Namespace", {}, False)) == []


class TestConfiguration:
    """What is wanted in staging, say, is said in the pack's configuration and not in the stack."""

    def test_plaintext_ports(self, staging: Recorded) -> None:
        rail = BY_NAME["mutual-tls-is-strict"]
        assert broken(staging, rail), "its exception is a port in plaintext"
        assert broken(staging, rail, {"plaintext_ports": True}) == []

    def test_days(self, staging: Recorded) -> None:
        rail = BY_NAME["exceptions-end-soon"]
        assert any("security.exceptions[0] lasts until" in one for one in broken(staging, rail, {"days": 1}))
        assert broken(staging, rail, {"days": 3650}) == []

    def test_hosts(self) -> None:
        planned = Planned(f"{ISTIO}:Gateway", server("team/*.example.com"), False)
        assert BY_NAME["hosts-are-listed"].violations(planned, {"allowed": ["*.example.com"]}) == []

    def test_labels(self) -> None:
        planned = Planned(CLUSTER, GOOD_CLUSTER, True)
        told = BY_NAME["cluster-is-labelled"].violations(planned, {"labels": ["cost-centre"]})
        assert told == ["resourceLabels lacks cost-centre, by which its cost is found (cluster.labels)"]
