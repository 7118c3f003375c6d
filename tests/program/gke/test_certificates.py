"""cert-manager is there before what it serves, may write the records of its challenges, and no route waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.program.gke.registered import registered
from tests.program.recorded_program import Recorded, Registered

pytestmark = pytest.mark.program

ZONE = "gcp:dns/dnsManagedZoneIamMember:DnsManagedZoneIamMember"
PROJECT = "gcp:projects/iAMMember:IAMMember"
CHART = "kubernetes:helm.sh/v4:Chart"
ACCOUNT = "gcp:serviceaccount/iAMMember:IAMMember"


def stack(cloud_dns: dict[str, Any], **cert_manager: Any) -> Recorded:
    listener = {"hosts": ["*.example.com"], "tls": {"cert_manager": {"issuer": "letsencrypt"}}}
    return registered(
        {
            "project_number": "100200300401",
            "cert_manager": cert_manager,
            "certificate_issuers": {"letsencrypt": {"acme": {"dns01": {"cloud_dns": cloud_dns}}}},
            "gateways": {"public": {"kind": "public", "listeners": {"web": listener}}},
            "apps": {
                "weather": {
                    "namespace": "weather",
                    "host": "weather.example.com",
                    "gateway": "public",
                    "service": {"port": 8080},
                    "mcp": {},
                    "open": True,
                }
            },
        }
    )


NAMED = {"project": "acme-dns", "zone": "example-com"}


def challenge_grants(recorded: Recorded) -> list[Registered]:
    return [
        found for kind in (ZONE, PROJECT, ACCOUNT) for found in recorded.of_type(kind) if "cert-manager" in found.name
    ]


def test_it_may_write_records_of_the_one_zone_that_is_named() -> None:
    (grant,) = challenge_grants(stack(NAMED))
    assert grant.type == ZONE
    assert (grant.inputs["project"], grant.inputs["managedZone"]) == ("acme-dns", "example-com")
    assert grant.inputs["role"] == "roles/dns.admin"
    assert grant.inputs["member"].endswith("/subject/ns/cert-manager/sa/cert-manager")


def test_it_may_write_records_of_the_project_where_no_zone_is_named() -> None:
    (grant,) = challenge_grants(stack({"project": "acme-dns"}))
    assert (grant.type, grant.inputs["project"], grant.inputs["role"]) == (PROJECT, "acme-dns", "roles/dns.admin")


def test_it_writes_as_an_account_of_googles_where_one_is_named() -> None:
    account = "cert-manager@acme-dns.iam.gserviceaccount.com"
    grants = {grant.type: grant.inputs for grant in challenge_grants(stack(NAMED, google_service_account=account))}
    assert grants[ZONE]["member"] == f"serviceAccount:{account}"
    assert grants[ACCOUNT]["serviceAccountId"] == f"projects/-/serviceAccounts/{account}"
    assert grants[ACCOUNT]["role"] == "roles/iam.workloadIdentityUser"
    assert grants[ACCOUNT]["member"].endswith("/subject/ns/cert-manager/sa/cert-manager")


def test_issuers_and_certificates_come_after_it_and_routes_do_not() -> None:
    recorded = stack(NAMED)
    (chart,) = [found.urn for found in recorded.of_type(CHART) if found.name == "cert-manager"]
    served = [found for found in recorded.resources if "cert-manager.io/" in found.type]
    assert {found.type.rpartition(":")[2] for found in served} == {"ClusterIssuer", "Certificate"}
    assert all(chart in recorded.depends_on(found) for found in served)
    others = [found for found in recorded.resources if "istio.io/" in found.type]
    assert "kubernetes:networking.istio.io/v1:VirtualService" in {found.type for found in others}
    waiting = {chart, *(found.urn for found in served)}
    assert not [found.name for found in others if waiting & recorded.depends_on(found)]


def test_nothing_is_installed_where_it_is_there_already() -> None:
    recorded = stack(NAMED, install=False)
    assert not [found for found in recorded.of_type(CHART) if found.name == "cert-manager"]
    assert recorded.of_type("kubernetes:cert-manager.io/v1:Certificate")
