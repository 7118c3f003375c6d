"""An app that may be answered in the other cluster: what it takes, what it becomes, and that nothing else crosses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from tests.unit.mesh.declared import APPS, declaration, mistakes

TODAY = date(2026, 11, 24)
FAILS_OVER = APPS.replace("mcp: {}", "mcp: {stateless: true}\n  cluster_failover: true")


def apps(change: str) -> str:
    """The MCP app with a line in place of `mcp: {stateless: true}`, or beside it."""
    return FAILS_OVER.replace("mcp: {stateless: true}", change)


def manifests(declared: str) -> dict[str, dict[str, Any]]:
    mesh = Mesh(declaration(apps=declared), TODAY)
    return {owned.resource.key: owned.resource.to_dict() for owned in mesh.objects}


def test_callers_take_their_own_network_first() -> None:
    found = manifests(FAILS_OVER)
    policy = found["DestinationRule/chatgpt-production/chatgpt-mcp"]["spec"]["trafficPolicy"]
    first, *_ = policy["loadBalancer"]["localityLbSetting"]["failoverPriority"]
    assert first == "topology.istio.io/network", "Istio takes a network at the first place alone"
    assert policy["outlierDetection"], "by which callers know that pods are unhealthy"
    other = found["DestinationRule/chatgpt-production/chatgpt-api"]["spec"]["trafficPolicy"]
    assert "localityLbSetting" not in other["loadBalancer"]


def test_a_version_with_a_policy_of_its_own_fails_over_too() -> None:
    line = "mcp: {stateless: true}\n  versions: {v1: {pool: {pending: 7}}}\n  rollout: {stable: v1}"
    (subset,) = manifests(apps(line))["DestinationRule/chatgpt-production/chatgpt-mcp-v1"]["spec"]["subsets"]
    assert subset["trafficPolicy"]["loadBalancer"]["localityLbSetting"]["failoverPriority"]


def test_nothing_of_it_is_there_where_no_app_fails_over() -> None:
    mesh = Mesh(declaration(), TODAY)
    assert not [owned for owned in mesh.objects if "eastwest" in owned.resource.key]
    assert "istio-eastwest" not in {one.name for one in mesh.namespaces}
    assert "serviceSettings" not in mesh_config(mesh).to_dict()


def test_the_gateways_namespace_is_made_and_injected() -> None:
    mesh = Mesh(declaration(apps=FAILS_OVER), TODAY)
    (home,) = [one for one in mesh.namespaces if one.name == "istio-eastwest"]
    assert (home.role, home.owners, home.injected) == ("gateway", ("istio.multi_cluster.gateway",), True)


def test_policies_are_the_same_as_without() -> None:
    def policies(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {key: one for key, one in found.items() if one["kind"] in ("AuthorizationPolicy", "PeerAuthentication")}

    alone = FAILS_OVER.replace("cluster_failover: true", "cluster_failover: false")
    assert policies(manifests(FAILS_OVER)) == policies(manifests(alone))


PATH = "apps.chatgpt-mcp.cluster_failover"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("mcp: {}", f"{PATH}: is for apps without sessions"),
        ("mcp: {stateless: true}\n  resilience: {outlier: null}", f"{PATH}: has no effect without resilience.outlier"),
        (
            "mcp: {stateless: true}\n  load_balancing: {locality: {failover: [{from: a, to: b}]}}",
            "apps.chatgpt-mcp.load_balancing.locality: says where requests go, and so does cluster_failover",
        ),
        (
            "mcp: {stateless: true}\n  versions: {v1: {}}\n  rollout: {stable: v1, managed_by: flagger}",
            f"{PATH}: is written into the app's DestinationRule, and flagger makes it for this app",
        ),
    ],
)
def test_what_cannot_be_answered_elsewhere_is_refused(line: str, sentence: str) -> None:
    found = mistakes(apps=apps(line))
    assert any(one.startswith(sentence) for one in found), found


def test_an_app_without_a_service_has_nothing_to_call() -> None:
    (found,) = mistakes(apps=f"{APPS}  cluster_failover: true\n")
    assert found == "apps.chatgpt-frontend.cluster_failover: needs the app's service; declare service with its port"


def test_the_gateways_namespace_is_nobody_elses() -> None:
    taken = FAILS_OVER.replace("namespace: chatgpt-frontend", "namespace: istio-eastwest")
    (found,) = mistakes(apps=taken)
    assert found.startswith("apps.chatgpt-frontend.namespace: is the namespace of the gateway between the clusters")
