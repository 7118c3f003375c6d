"""cert-manager is installed hardened, or named as there already; whoever needs it without either is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.components.cert_manager import values
from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec
from tests.unit.components.gke_stack import load, sentences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.unit

PARTS = ("webhook", "cainjector")


def of(**settings: Any) -> dict[str, Any]:
    return values(CertManagerSpec.model_validate(settings))


class TestTheChart:
    def test_brings_its_definitions_and_leaves_them(self) -> None:
        assert of()["crds"] == {"enabled": True, "keep": True}

    def test_keeps_its_leases_out_of_kube_system(self) -> None:
        assert of(namespace="pki")["global"]["leaderElection"] == {"namespace": "pki"}

    def test_survives_the_loss_of_a_pod(self) -> None:
        found = of()
        for part in (found, *(found[name] for name in PARTS)):
            assert part["replicaCount"] == 2
            assert part["podDisruptionBudget"]["minAvailable"] == 1
            spread = [constraint["topologyKey"] for constraint in part["topologySpreadConstraints"]]
            assert spread == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]

    def test_has_no_budget_that_one_pod_could_not_keep(self) -> None:
        found = of(replicas=1)
        assert not any("podDisruptionBudget" in part for part in (found, *(found[name] for name in PARTS)))

    def test_closes_what_is_not_its_own_port(self) -> None:
        found = of()
        assert all(part["networkPolicy"]["enabled"] for part in (found, *(found[name] for name in PARTS)))
        assert "networkPolicy" not in of(network_policies=False)

    def test_takes_its_images_from_where_they_are(self) -> None:
        found = of(images={"hub": "registry.example.com/mirror/jetstack", "tag": "v1.21.2"})
        assert (found["imageRegistry"], found["imageNamespace"]) == ("registry.example.com", "mirror/jetstack")
        assert all(found[part]["image"] == {"tag": "v1.21.2"} for part in (*PARTS, "acmesolver"))

    def test_names_the_account_that_google_knows_it_by(self) -> None:
        account = "cert-manager@acme-dns.iam.gserviceaccount.com"
        assert of(google_service_account=account)["serviceAccount"] == {
            "name": "cert-manager",
            "annotations": {"iam.gke.io/gcp-service-account": account},
        }
        assert of()["serviceAccount"] == {"name": "cert-manager"}


LISTENER = {"hosts": ["*.example.com"], "tls": {"cert_manager": {"issuer": "letsencrypt"}}}
ISSUER = {"acme": {"dns01": {"cloud_dns": {"project": "acme-dns"}}}}
ASKING: Mapping[str, Any] = {
    "gateways": {"public": {"kind": "public", "listeners": {"web": LISTENER}}},
    "certificate_issuers": {"letsencrypt": ISSUER},
    "project_number": "100200300401",
}


class TestMistakes:
    def test_whoever_asks_for_a_certificate_needs_it(self, tmp_path: Path) -> None:
        need = (
            "needs cert-manager on the cluster; declare cert_manager: {}, and this stack installs it, or cert_manager: "
            "{install: false} where it is there already"
        )
        assert sentences(tmp_path, ASKING) == [
            f"certificate_issuers.letsencrypt: {need}",
            f"gateways.public.listeners.web.tls.cert_manager: {need}",
        ]

    @pytest.mark.parametrize("cert_manager", [{}, {"install": False}])
    def test_nothing_is_said_where_it_comes_from_somewhere(self, tmp_path: Path, cert_manager: dict[str, Any]) -> None:
        assert load(tmp_path, {**ASKING, "cert_manager": cert_manager}).cert_manager is not None

    def test_records_are_written_by_an_identity_that_has_a_number(self, tmp_path: Path) -> None:
        assert sentences(tmp_path, {**ASKING, "cert_manager": {}, "project_number": None}) == [
            "certificate_issuers.letsencrypt.acme.dns01.cloud_dns: needs project_number, by which Google names the "
            "identity of cert-manager: gcloud projects describe PROJECT --format='value(projectNumber)'"
        ]

    @pytest.mark.parametrize(
        ("cert_manager", "beginning"),
        [
            ({"install": False, "replicas": 3}, "cert_manager.replicas: means nothing with cert_manager.install false"),
            ({"version": "1.21.2"}, "cert_manager.version: must be a version of cert-manager from v1.18.0 on"),
            ({"version": "v1.17.4"}, "cert_manager.version: must be a version of cert-manager from v1.18.0 on"),
            ({"namespace": "kube-system"}, "cert_manager.namespace: belongs to Kubernetes"),
            ({"resources": {"memory": "1Gi"}}, "cert_manager.resources.memory_limit: "),
            (
                {"google_service_account": "cert-manager"},
                "cert_manager.google_service_account: must be a service account of Google Cloud: NAME@PROJECT",
            ),
        ],
    )
    def test_are_told(self, tmp_path: Path, cert_manager: dict[str, Any], beginning: str) -> None:
        (told,) = sentences(tmp_path, {"cert_manager": cert_manager})
        assert told.startswith(beginning), told

    def test_a_ca_that_its_network_policies_keep_it_from_is_told(self, tmp_path: Path) -> None:
        issuers = {"a": {"acme": {"server": "https://ca.example.com:14000/dir", "http01": {}}}}
        (told,) = sentences(tmp_path, {"cert_manager": {}, "certificate_issuers": issuers})
        assert told == (
            "certificate_issuers.a.acme.server: is at a port that cert-manager's network policies keep it from (14000; "
            "it reaches 80, 443, 6443); serve the CA there, or set cert_manager.network_policies to false (given: "
            "'https://ca.example.com:14000/dir')"
        )
        assert load(tmp_path, {"cert_manager": {"network_policies": False}, "certificate_issuers": issuers})

    @pytest.mark.parametrize(
        ("issuer", "beginning"),
        [
            ({"acme": {"server": "http://ca.example.com", "http01": {}}}, ".acme.server: must be an https URL"),
            ({"acme": {"email": "platform", "http01": {}}}, ".acme.email: must be a mail address"),
            ({"acme": {"profile": "Short Lived", "http01": {}}}, ".acme.profile: "),
            ({"acme": {"dns01": {"cloud_dns": {"project": "A"}}}}, ".acme.dns01.cloud_dns.project: must be the id of"),
            (
                {"acme": {"dns01": {"cloud_dns": {"project": "acme-dns", "zone": "example.com"}}}},
                ".acme.dns01.cloud_dns",
            ),
            ({"acme": {"dns01": {}}}, ".acme.dns01.cloud_dns: is required"),
            ({"ca": {"secret": "Company CA"}}, ".ca.secret: must be a name of Kubernetes"),
            ({"vault": {}}, ".vault: "),
        ],
    )
    def test_of_issuers_are_told(self, tmp_path: Path, issuer: dict[str, Any], beginning: str) -> None:
        (told,) = sentences(
            tmp_path,
            {"cert_manager": {}, "certificate_issuers": {"a": issuer}, "project_number": "100200300401"},
        )
        assert told.startswith(f"certificate_issuers.a{beginning}"), told
