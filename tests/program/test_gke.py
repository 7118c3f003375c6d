"""The GKE cluster that is registered: what Istio needs of it, what keeps it safe, and what reaches nobody.

The numbers P1 to P18 are pitfalls of Istio on GKE, each of which somebody has met; docs/gke.md tells them. Those that a
stack is refused for (ambient mode, Autopilot, Istio's floor, machine types) are in
tests/unit/components/test_gke_mistakes.py, those that charts answer in tests/lab/test_gke_charts.py.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from chatgpt_mesh.stack.stack_files import merge
from tests.program.differences import changed
from tests.program.recorded_program import Recorded, Registered, run
from tests.surroundings import own_layer, surroundings
from tests.unit.components.gke_stack import changed as small

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

CLUSTER = "gcp:container/cluster:Cluster"
POOL = "gcp:container/nodePool:NodePool"
FIREWALL = "gcp:compute/firewall:Firewall"
NAT = "gcp:compute/routerNat:RouterNat"
TOKEN = "canary-access-token-4711"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with surroundings(tmp_path / "machine"):
        yield


def registered(changes: dict[str, Any] | None = None, **answers: Any) -> Recorded:
    recorded = run("prod", small(changes or {}), answers={name.replace("__", "/"): v for name, v in answers.items()})
    assert recorded.error is None, recorded.error
    return recorded


def the(recorded: Recorded, kind: str) -> Registered:
    (found,) = recorded.of_type(kind)
    return found


@pytest.fixture(scope="module")
def gke(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with surroundings(tmp_path_factory.mktemp("gke") / "machine"):
        return registered()


def cluster(recorded: Recorded) -> Any:
    return the(recorded, CLUSTER).inputs


def pool(recorded: Recorded) -> Any:
    return the(recorded, POOL).inputs


def kubeconfig(recorded: Recorded) -> Any:
    (provider,) = recorded.of_type("pulumi:providers:kubernetes")
    return json.loads(unwrapped(provider.inputs["kubeconfig"]))


def unwrapped(value: Any) -> Any:
    """A value that travels as a secret, opened."""
    return value["value"] if isinstance(value, dict) and "value" in value else value


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


class TestAccess:
    def test_p11_the_dns_endpoints_certificate_is_public(self, gke: Recorded) -> None:
        (entry,) = kubeconfig(gke)["clusters"]
        assert entry["cluster"] == {"server": "https://gke-0123456789ab.us-central1.gke.goog"}
        endpoints = cluster(gke)["controlPlaneEndpointsConfig"]
        assert endpoints["dnsEndpointConfig"] == {
            "allowExternalTraffic": True,
            "enableK8sTokensViaDns": False,
            "enableK8sCertsViaDns": False,
        }
        assert endpoints["ipEndpointsConfig"] == {"enabled": False}

    def test_p11_the_addresss_certificate_is_the_clusters_own(self) -> None:
        recorded = registered({"cluster/access": {"ip": {"authorized": {"office": "198.51.100.0/24"}}}})
        (entry,) = kubeconfig(recorded)["clusters"]
        assert entry["cluster"] == {
            "server": "https://10.8.16.2",
            "certificate-authority-data": "Q0VSVElGSUNBVEU=",
        }
        assert cluster(recorded)["masterAuthorizedNetworksConfig"] == {
            "cidrBlocks": [{"cidrBlock": "198.51.100.0/24", "displayName": "office"}],
            "gcpPublicCidrsAccessEnabled": False,
            "privateEndpointEnforcementEnabled": True,
        }

    def test_p12_logging_in_is_the_plugins(self, gke: Recorded) -> None:
        (user,) = kubeconfig(gke)["users"]
        assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
        assert user["user"]["exec"]["apiVersion"] == "client.authentication.k8s.io/v1beta1"
        assert user["user"]["exec"]["provideClusterInfo"] is True

    def test_p12_a_new_endpoint_never_replaces_the_mesh(self, gke: Recorded) -> None:
        (provider,) = gke.of_type("pulumi:providers:kubernetes")
        identifier = "projects/acme-chatgpt-prod/locations/us-central1/clusters/chatgpt"
        assert provider.inputs["clusterIdentifier"] == identifier

    def test_p12_a_token_is_asked_for_and_shown_nowhere(self, capfd: pytest.CaptureFixture[str]) -> None:
        answer = {"accessToken": TOKEN, "project": "", "region": "", "zone": "", "id": "", "defaultLabels": {}}
        recorded = registered(
            {"cluster/access": {"login": "token"}}, **{"gcp:organizations__getClientConfig:getClientConfig": answer}
        )
        (user,) = kubeconfig(recorded)["users"]
        assert user["user"] == {"token": TOKEN}
        (provider,) = recorded.of_type("pulumi:providers:kubernetes")
        secret = provider.inputs["kubeconfig"]
        assert not isinstance(secret, str), "the token would be in the state in clear"
        others = [r for r in recorded.resources if r is not provider]
        assert TOKEN not in json.dumps([r.inputs for r in others], default=str)
        assert TOKEN not in json.dumps(clear(recorded.exports), default=str)
        printed = capfd.readouterr()
        assert TOKEN not in printed.out + printed.err


def clear(value: Any) -> Any:
    """What of an output is not an Output, and thus known and open to everybody."""
    if isinstance(value, pulumi.Output):
        return None
    if isinstance(value, dict):
        return {key: clear(item) for key, item in value.items()}
    return [clear(item) for item in value] if isinstance(value, (list, tuple)) else value


class TestOrder:
    def test_p13_charts_come_after_nodes_nat_firewall_and_identities(self, gke: Recorded) -> None:
        (provider,) = gke.of_type("pulumi:providers:kubernetes")
        before = set(provider.dependencies)
        needed = [*gke.of_type(POOL), the(gke, NAT), the(gke, FIREWALL)]
        needed += gke.of_type("gcp:projects/iAMMember:IAMMember")
        assert len(needed) == 6
        assert {resource.urn for resource in needed} <= before

    def test_p13_addresses_outlive_the_services_that_have_them(self) -> None:
        recorded = registered({"gateways": {"public": {"kind": "public"}}})
        (provider,) = recorded.of_type("pulumi:providers:kubernetes")
        assert recorded.named("chatgpt-public").urn in provider.dependencies

    def test_apis_come_first(self, gke: Recorded) -> None:
        api = gke.named("api-container")
        assert api.inputs["disableOnDestroy"] is False
        # A child is registered after its component is, and the component waits.
        parts = [
            r for r in gke.resources if r.type.startswith("chatgpt-mesh:gke:") and r.type != "chatgpt-mesh:gke:Gke"
        ]
        assert {part.name for part in parts} == {"network", "firewall", "node-identity", "gke", "node-pools"}
        assert all(api.urn in part.dependencies for part in parts)


class TestAddresses:
    def test_p14_a_public_gateway_has_a_regional_address_from_the_beginning(self) -> None:
        recorded = registered({"gateways": {"public": {"kind": "public"}}})
        address = recorded.named("chatgpt-public")
        assert address.type == "gcp:compute/address:Address"
        assert address.inputs["region"] == "us-central1"
        service = recorded.named("gateway-public").inputs["values"]["service"]
        assert service["annotations"] == {
            "cloud.google.com/l4-rbs": "enabled",
            "networking.gke.io/load-balancer-ip-addresses": "chatgpt-public",
        }
        assert service["externalTrafficPolicy"] == "Local"

    def test_an_internal_gateway_has_an_address_of_the_subnet(self) -> None:
        recorded = registered({"gateways": {"internal": {"kind": "internal"}}})
        address = recorded.named("chatgpt-internal")
        assert address.inputs["addressType"] == "INTERNAL"
        annotations = recorded.named("gateway-internal").inputs["values"]["service"]["annotations"]
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


class TestHardening:
    """Each line is one setting whose default in GKE's API is weaker."""

    @pytest.mark.parametrize(
        ("what", "expected"),
        [
            (lambda c: c["privateClusterConfig"]["enablePrivateNodes"], True),
            (lambda c: c["workloadIdentityConfig"]["workloadPool"], "acme-chatgpt-prod.svc.id.goog"),
            (lambda c: c["masterAuth"]["clientCertificateConfig"]["issueClientCertificate"], False),
            (lambda c: c["enableShieldedNodes"], True),
            (lambda c: c["anonymousAuthenticationConfig"]["mode"], "LIMITED"),
            (lambda c: c["rbacBindingConfig"]["enableInsecureBindingSystemAuthenticated"], False),
            (lambda c: c["rbacBindingConfig"]["enableInsecureBindingSystemUnauthenticated"], False),
            (lambda c: c["serviceExternalIpsConfig"]["enabled"], False),
            (
                lambda c: c["nodePoolDefaults"]["nodeConfigDefaults"]["insecureKubeletReadonlyPortEnabled"],
                "FALSE",
            ),
            (lambda c: c["binaryAuthorization"]["evaluationMode"], "PROJECT_SINGLETON_POLICY_ENFORCE"),
            (lambda c: c["securityPostureConfig"]["mode"], "BASIC"),
            (lambda c: c["releaseChannel"]["channel"], "REGULAR"),
            (lambda c: c["networkingMode"], "VPC_NATIVE"),
            (lambda c: c["enableL4IlbSubsetting"], True),
            (lambda c: c["addonsConfig"]["dnsCacheConfig"]["enabled"], True),
            (lambda c: c["costManagementConfig"]["enabled"], True),
            (lambda c: c["monitoringConfig"]["managedPrometheus"]["enabled"], True),
            # P16: plaintext ports are scraped where a PodMonitoring says so, and nowhere by themselves.
            (lambda c: c["monitoringConfig"]["managedPrometheus"]["autoMonitoringConfig"]["scope"], "NONE"),
            (lambda c: c["monitoringConfig"]["advancedDatapathObservabilityConfig"]["enableMetrics"], True),
            (lambda c: c["notificationConfig"]["pubsub"]["enabled"], True),
            (lambda c: "SYSTEM_COMPONENTS" in c["loggingConfig"]["enableComponents"], True),
        ],
    )
    def test_the_cluster(self, gke: Recorded, what: Callable[[Any], Any], expected: Any) -> None:
        assert what(cluster(gke)) == expected

    @pytest.mark.parametrize(
        ("what", "expected"),
        [
            (lambda n: n["workloadMetadataConfig"]["mode"], "GKE_METADATA"),
            (lambda n: n["shieldedInstanceConfig"], {"enableSecureBoot": True, "enableIntegrityMonitoring": True}),
            (lambda n: n["metadata"], {"disable-legacy-endpoints": "true"}),
            (lambda n: n["kubeletConfig"]["insecureKubeletReadonlyPortEnabled"], "FALSE"),
            (lambda n: n["imageType"], "COS_CONTAINERD"),
            (lambda n: n["serviceAccount"], "chatgpt-nodes@project.iam.gserviceaccount.com"),
        ],
    )
    def test_the_nodes(self, gke: Recorded, what: Callable[[Any], Any], expected: Any) -> None:
        assert what(pool(gke)["nodeConfig"]) == expected

    def test_nodes_may_log_and_be_measured_and_no_more(self, gke: Recorded) -> None:
        roles = {r.inputs["role"] for r in gke.of_type("gcp:projects/iAMMember:IAMMember")}
        assert roles == {
            "roles/container.defaultNodeServiceAccount",
            "roles/monitoring.metricWriter",
            "roles/stackdriver.resourceMetadata.writer",
        }

    def test_nodes_read_only_the_repositories_that_are_named(self) -> None:
        recorded = registered({"cluster/identity": {"repositories": {"apps": "us-central1"}}})
        grant = the(recorded, "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember").inputs
        assert (grant["repository"], grant["role"]) == ("apps", "roles/artifactregistry.reader")

    def test_an_apps_role_is_its_own_accounts(self) -> None:
        apps = {"mcp": {"namespace": "mcp-prod"}}
        recorded = registered(
            {
                "project_number": "100200300401",
                "apps": apps,
                "cluster/identity": {"apps": {"mcp": ["roles/aiplatform.user"]}},
            }
        )
        assert recorded.named("mcp-aiplatform.user").inputs["member"] == (
            "principal://iam.googleapis.com/projects/100200300401/locations/global/workloadIdentityPools/"
            "acme-chatgpt-prod.svc.id.goog/subject/ns/mcp-prod/sa/mcp"
        )

    def test_secrets_are_encrypted_by_a_key_that_gke_may_use_before(self) -> None:
        key = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
        recorded = registered({"project_number": "100200300401", "cluster/security": {"secrets_key": key}})
        made = the(recorded, CLUSTER)
        assert made.inputs["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": key}
        assert recorded.named("secrets-key").urn in made.dependencies

    def test_the_vpc_has_no_subnets_of_googles_choice(self, gke: Recorded) -> None:
        assert gke.named("chatgpt-network").inputs["autoCreateSubnetworks"] is False
        subnets = gke.of_type("gcp:compute/subnetwork:Subnetwork")
        nodes = next(subnet for subnet in subnets if subnet.name == "chatgpt-nodes")
        assert nodes.inputs["privateIpGoogleAccess"] is True
        assert nodes.inputs["logConfig"]["flowSampling"] == 0.5
        assert [one["rangeName"] for one in nodes.inputs["secondaryIpRanges"]] == ["pods", "services"]


class TestProtection:
    def test_p18_what_others_rely_on_is_kept_by_google_and_by_pulumi(self, gke: Recorded) -> None:
        assert cluster(gke)["deletionProtection"] is True
        kept = {r.type.rpartition(":")[2] for r in gke.resources if r.protect}
        assert kept == {"Cluster", "Network", "Subnetwork", "Address"}

    def test_p18_the_first_step_of_taking_down_changes_nothing_else(self) -> None:
        before, after = registered(), registered({"cluster/deletion_protection": False})
        assert changed(before, after) == {"chatgpt": {"deletionProtection"}}
        assert not [r for r in after.resources if r.protect]


class TestMaintenance:
    def test_windows_and_exclusions_are_in_gkes_form(self) -> None:
        exclusion = {"from": "2090-11-20", "until": "2090-12-01"}
        policy = cluster(
            registered(
                {
                    "cluster/maintenance": {
                        "window": {"start": "22:30", "duration": "6h", "days": ["mon", "sat"]},
                        "exclusions": {"launch": exclusion},
                    }
                }
            )
        )["maintenancePolicy"]
        assert policy["recurringWindow"] == {
            "startTime": "2024-01-01T22:30:00Z",
            "endTime": "2024-01-02T04:30:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=MO,SA",
        }
        assert policy["maintenanceExclusions"] == [
            {
                "exclusionName": "launch",
                "startTime": "2090-11-20T00:00:00Z",
                "endTime": "2090-12-02T00:00:00Z",
                "exclusionOptions": {"scope": "NO_MINOR_OR_NODE_UPGRADES"},
            }
        ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cluster": {"pools": {"apps": {"nodes": {"max": 80}}}}}, {"apps": {"autoscaling.totalMaxNodeCount"}}),
        ({"cluster": {"release_channel": "regular"}}, {"chatgpt": {"releaseChannel.channel"}}),
        ({"network": {"nat": {"max_ports": 8192}}}, {"chatgpt-nat": {"maxPortsPerVm"}}),
        ({"network": {"flow_logs": {"sampling": 0.1}}}, {"chatgpt-nodes": {"logConfig.flowSampling"}}),
        ({"cluster": {"backup": {"retain_days": 60}}}, {"chatgpt-backup": {"retentionPolicy.backupRetainDays"}}),
        ({"network": {"dns": {"ttl": 60}}}, {"*.example.com.": {"ttl"}}),
    ],
)
def test_one_setting_of_prod_changes_exactly_these_lines(change: dict[str, Any], expected: dict[str, set[str]]) -> None:
    own = own_layer("prod")
    before, after = run("prod", own), run("prod", merge(own, change))
    assert before.error is None
    assert after.error is None
    assert changed(before, after) == expected


def test_no_argument_is_deprecated() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        # Importing the module warns of classes that nobody here uses.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"pulumi_gcp\.compute\..*")
        for changes in ({}, {"cluster/access": {"ip": {"authorized": {}}}}, {"cluster/backup": {}}):
            registered(changes)
