"""How the program and people reach the API server, and that a token is shown nowhere."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from tests.program.gke.registered import cluster, providers, registered
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program


TOKEN = "canary-access-token-4711"


def kubeconfig(recorded: Recorded) -> Any:
    provider, _ = providers(recorded)
    return json.loads(unwrapped(provider.inputs["kubeconfig"]))


def unwrapped(value: Any) -> Any:
    """A value that travels as a secret, opened."""
    return value["value"] if isinstance(value, dict) and "value" in value else value


def clear(value: Any) -> Any:
    """What of an output is not an Output, and thus known and open to everybody."""
    if isinstance(value, pulumi.Output):
        return None
    if isinstance(value, dict):
        return {key: clear(item) for key, item in value.items()}
    return [clear(item) for item in value] if isinstance(value, (list, tuple)) else value


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
        provider, _ = providers(gke)
        identifier = "projects/acme-chatgpt-prod/locations/us-central1/clusters/chatgpt"
        assert provider.inputs["clusterIdentifier"] == identifier

    def test_p12_a_token_is_asked_for_and_shown_nowhere(self, capfd: pytest.CaptureFixture[str]) -> None:
        answer = {"accessToken": TOKEN, "project": "", "region": "", "zone": "", "id": "", "defaultLabels": {}}
        recorded = registered(
            {"cluster/access": {"login": "token"}}, **{"gcp:organizations__getClientConfig:getClientConfig": answer}
        )
        (user,) = kubeconfig(recorded)["users"]
        assert user["user"] == {"token": TOKEN}
        for provider in providers(recorded):
            assert not isinstance(provider.inputs["kubeconfig"], str), "the token would be in the state in clear"
        others = [r for r in recorded.resources if r not in providers(recorded)]
        assert TOKEN not in json.dumps([r.inputs for r in others], default=str)
        assert TOKEN not in json.dumps(clear(recorded.exports), default=str)
        printed = capfd.readouterr()
        assert TOKEN not in printed.out + printed.err
