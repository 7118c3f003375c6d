"""Webhooks reach istiod, policies are enforced, and addresses stay."""

from __future__ import annotations

import pytest

from tests.program.gke.registered import FIREWALL, NAT, cluster, pool, registered, the
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program


class TestWebhooksReachIstiod:
    def test_p1_a_rule_lets_the_control_plane_to_port_15017_of_every_node(self, gke: Recorded) -> None:
        rule = the(gke, FIREWALL).inputs
        assert rule["allows"] == [{"protocol": "tcp", "ports": ["15017"]}]
        assert rule["direction"] == "INGRESS"
        assert "10.8.16.0/28" in rule["sourceRanges"]
        assert rule["targetTags"] == ["gke-chatgpt"]
        assert pool(gke)["nodeConfig"]["tags"] == ["gke-chatgpt"]
        assert cluster(gke)["nodePoolAutoConfig"]["networkTags"]["tags"] == ["gke-chatgpt"]

    def test_istioctl_gets_its_ports_only_when_asked_for(self) -> None:
        recorded = registered({"network/firewall": {"istioctl_ports": True}})
        assert the(recorded, FIREWALL).inputs["allows"][0]["ports"] == ["15017", "8080", "15014"]

    def test_p15_the_control_plane_has_a_subnet_and_never_a_range_beside_it(self, gke: Recorded) -> None:
        private = cluster(gke)["privateClusterConfig"]
        assert private["privateEndpointSubnetwork"]
        assert "masterIpv4CidrBlock" not in private


class TestDataPlane:
    def test_p4_dataplane_v2_enforces_policies_and_the_other_one_is_off(self, gke: Recorded) -> None:
        assert cluster(gke)["datapathProvider"] == "ADVANCED_DATAPATH"
        assert "networkPolicy" not in cluster(gke)
        assert cluster(gke)["addonsConfig"]["networkPolicyConfig"] == {"disabled": True}

    def test_p5_traffic_within_a_node_stays_there(self, gke: Recorded) -> None:
        assert cluster(gke)["enableIntranodeVisibility"] is False

    @pytest.mark.parametrize(("owner", "channel"), [("off", "CHANNEL_DISABLED"), ("gke", "CHANNEL_STANDARD")])
    def test_p6_the_owner_of_the_gateway_api_is_always_said(self, owner: str, channel: str) -> None:
        recorded = registered({"cluster/gateway_api": owner})
        assert cluster(recorded)["gatewayApiConfig"] == {"channel": channel}

    def test_p7_no_autopilot(self, gke: Recorded) -> None:
        assert "enableAutopilot" not in cluster(gke)


class TestAddresses:
    def test_p14_a_public_gateway_has_a_regional_address_from_the_beginning(self) -> None:
        recorded = registered({"gateways": {"public": {"kind": "public"}}})
        address = recorded.named("chatgpt-public")
        assert address.type == "gcp:compute/address:Address"
        assert address.inputs["region"] == "us-central1"
        service = recorded.named("istio-ingress/istio-ingressgateway").inputs["values"]["service"]
        assert service["annotations"] == {
            "cloud.google.com/l4-rbs": "enabled",
            "networking.gke.io/load-balancer-ip-addresses": "chatgpt-public",
        }
        assert service["externalTrafficPolicy"] == "Local"

    def test_an_internal_gateway_has_an_address_of_the_subnet(self) -> None:
        recorded = registered({"gateways": {"internal": {"kind": "internal"}}})
        address = recorded.named("chatgpt-internal")
        assert address.inputs["addressType"] == "INTERNAL"
        annotations = recorded.named("istio-internal/istio-internalgateway").inputs["values"]["service"]["annotations"]
        assert annotations["networking.gke.io/load-balancer-type"] == "Internal"

    def test_nodes_call_out_from_addresses_that_stay(self, gke: Recorded) -> None:
        nat = the(gke, NAT).inputs
        assert nat["natIpAllocateOption"] == "MANUAL_ONLY"
        assert len(nat["natIps"]) == 2
        assert nat["enableDynamicPortAllocation"] is True
        assert nat["enableEndpointIndependentMapping"] is False
        assert "drainNatIps" not in nat

    def test_an_address_is_drained_before_it_goes(self) -> None:
        nat = the(registered({"network/nat": {"addresses": 2, "drain": [0]}}), NAT).inputs
        assert len(nat["natIps"]) == len(nat["drainNatIps"]) == 1

    def test_hosts_have_records_in_a_zone_that_is_there(self) -> None:
        listeners = {"web": {"hosts": ["mcp.example.com"], "tls": {"secret": "example-tls"}}}
        recorded = registered(
            {"gateways": {"public": {"kind": "public", "listeners": listeners}}, "network/dns": {"zone": "example"}}
        )
        record = the(recorded, "gcp:dns/recordSet:RecordSet").inputs
        assert (record["name"], record["type"], record["managedZone"]) == ("mcp.example.com.", "A", "example")
