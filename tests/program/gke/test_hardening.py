"""Settings whose default in GKE's API is weaker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.program.gke.registered import CLUSTER, cluster, pool, registered, the
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program


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
        key = "projects/acme-keys/locations/us-central1/keyRings/r/cryptoKeys/k"
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
