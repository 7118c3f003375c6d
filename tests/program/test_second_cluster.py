"""A stack of a mesh with two clusters under Pulumi's mocks: what it registers, in which order, and what it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from chatgpt_mesh.components import outputs
from chatgpt_mesh.components.specs.certificate_authority import CertificateAuthoritySpec
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.secret_texts import SecretTexts
from tests.program.recorded_program import Recorded, run
from tests.program.test_outputs import known, without_required
from tests.program.test_secrets import SECRET_SIGNATURE
from tests.surroundings import own_layer, surroundings
from tests.unit.authorities import ca
from tests.unit.components.gke_stack import SOUND
from tests.unit.team_stack import app, platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.program

NAMES = {"mesh": "chatgpt", "cluster": "east", "network": "vpc-east"}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def located(own: Mapping[str, Any], *_: object) -> SecretTexts:
        """The key alone is encrypted, as a stack file would say that is there."""
        return SecretTexts(
            [own["istio"]["multi_cluster"]["ca"]["key"]] if "ca" in own["istio"]["multi_cluster"] else []
        )

    monkeypatch.setattr(settings, "secret_texts", located)
    with surroundings(tmp_path / "machine"):
        yield


def values(**multi_cluster: Any) -> dict[str, Any]:
    stack = platform(apps={"invoices": app(auth=None, open=True)}, grants={})
    cluster = {"kind": "existing", "context": own_layer("lab")["cluster"]["context"]}
    istio = {**stack["istio"], "multi_cluster": {**NAMES, "ca": ca(), **multi_cluster}}
    return {**stack, "cluster": cluster, "istio": istio}


def registered(stack: dict[str, Any], **answers: Any) -> Recorded:
    return run("east", stack, secret=("istio",), **answers)


def test_istiod_has_its_authority_before_it_starts() -> None:
    found = registered(values())
    assert found.error is None, found.error
    secret = found.named("Secret/istio-system/cacerts")
    assert secret.urn in found.depends_on(found.named("istiod"))
    assert found.named("istio-system").urn in found.depends_on(secret)
    files = secret.inputs["stringData"]["value"]
    assert files.keys() == {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"}


def test_the_key_is_a_secret_of_the_state_and_in_no_output() -> None:
    found = registered(values())
    body = ca()["key"].splitlines()[1]
    holding = [one for one in found.resources if body in json.dumps(one.inputs, default=str)]
    assert [one.name for one in holding] == ["Secret/istio-system/cacerts"]
    assert SECRET_SIGNATURE in holding[0].inputs["stringData"]
    assert body not in json.dumps(dict(found.exports), default=str)


def test_without_an_authority_istiod_makes_its_own() -> None:
    stack = values()
    del stack["istio"]["multi_cluster"]["ca"]
    assert not [one for one in registered(stack).resources if one.name.endswith("/cacerts")]


READ = "pulumi:pulumi:readStackOutputs"
HERE, THERE = "acme/chatgpt-mesh/east", "acme/chatgpt-mesh/west"
KUBECONFIG = json.dumps({"apiVersion": "v1", "kind": "Config", "users": [{"user": {"token": "t0ken-of-west"}}]})


def shared_app() -> dict[str, Any]:
    return app(auth=None, open=True, cluster_failover=True, mcp={"stateless": True})


def with_peer(**changes: Any) -> dict[str, Any]:
    stack = values(peer={"stack": THERE}, api_server="https://10.0.0.2:6443")
    return {**stack, "apps": {"invoices": shared_app()}, **changes}


def outputs_of_west(**changes: Any) -> dict[str, Any]:
    own = {
        "mesh": "chatgpt",
        "cluster": "west",
        "network": "vpc-west",
        "root_sha256": CertificateAuthoritySpec(**ca("west")).root_sha256,
        "peer": HERE,
        "failing_over": ["invoices.billing.svc.cluster.local"],
    }
    return {
        "schema_version": 1,
        "trust_domain": "cluster.local",
        "istio_version": RELEASE,
        "multi_cluster": {**own, **changes},
        "multi_cluster_reader": KUBECONFIG,
    }


def joined(stack: dict[str, Any] | None = None, answered: Any = None) -> Recorded:
    answer = answered if isinstance(answered, str) else {"outputs": answered or outputs_of_west()}
    return registered(stack or with_peer(), answers={READ: answer})


def test_the_first_of_two_goes_up_alone_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    for answer in ("unknown stack 'acme/chatgpt-mesh/west'", {"schema_version": 1}):
        found = joined(answered=answer)
        assert found.error is None, found.error
        assert not [one for one in found.resources if "remote-secret" in one.name]
        assert found.exports["multi_cluster"]["peer"] == THERE
        assert f"{THERE} has no outputs of a cluster of this mesh" in caplog.text


def test_a_stack_that_is_there_and_cannot_be_read_is_no_reason_to_part() -> None:
    found = joined(answered="the passphrase is wrong")
    assert found.resources == []
    assert "istio.multi_cluster.peer: names the stack" in (found.error or "")


def test_once_the_other_is_up_istiod_reads_it() -> None:
    found = joined()
    assert found.error is None, found.error
    secret = found.named("Secret/istio-system/istio-remote-secret-west")
    assert secret.inputs["metadata"]["labels"] == {"istio/multiCluster": "true"}
    assert secret.inputs["metadata"]["annotations"] == {"networking.istio.io/cluster": "west"}
    assert SECRET_SIGNATURE in secret.inputs["stringData"]
    assert secret.inputs["stringData"]["value"] == {"west": KUBECONFIG}
    assert found.named("istiod").urn in found.depends_on(secret)


def test_the_token_of_the_other_is_nowhere_in_clear() -> None:
    found = joined()
    holding = [one.name for one in found.resources if "t0ken-of-west" in json.dumps(one.inputs, default=str)]
    assert holding == ["Secret/istio-system/istio-remote-secret-west"]
    assert "t0ken-of-west" not in json.dumps(dict(found.exports), default=str)


def test_the_gateway_between_them_admits_what_fails_over_and_nothing_else() -> None:
    found = joined()
    gateway = found.named("Gateway/istio-eastwest/istio-eastwestgateway")
    (server,) = gateway.inputs["spec"]["servers"]
    assert server["hosts"] == ["invoices.billing.svc.cluster.local"]
    assert server["tls"] == {"mode": "AUTO_PASSTHROUGH"}
    chart = found.named("istio-eastwest/istio-eastwestgateway")
    assert chart.urn in found.depends_on(gateway)
    assert found.named("istio-eastwest").urn in found.depends_on(chart)
    shown = chart.inputs["values"]
    assert shown["labels"] == {"topology.istio.io/network": "vpc-east"}
    assert shown["env"]["ISTIO_META_REQUESTED_NETWORK_VIEW"] == "vpc-east"
    assert [port["port"] for port in shown["service"]["ports"]] == [15021, 15443]
    assert shown["global"]["networkPolicy"] == {"enabled": True}


def test_istiod_keeps_every_other_service_in_its_cluster() -> None:
    shown = joined().named("istiod").inputs["values"]
    assert shown["meshConfig"]["serviceSettings"] == [
        {"settings": {"clusterLocal": True}, "hosts": ["*"]},
        {"settings": {"clusterLocal": False}, "hosts": ["invoices.billing.svc.cluster.local"]},
    ]
    alone = registered(values()).named("istiod").inputs["values"]
    assert "serviceSettings" not in alone["meshConfig"]


def test_whoever_reads_this_cluster_changes_nothing() -> None:
    found = joined()
    role = found.named("ClusterRole/istio-remote-reader").inputs
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert not {"configmaps", "*"} & {one for rule in role["rules"] for one in rule["resources"]}
    token = found.named("Secret/istio-remote-reader")
    assert token.inputs["type"] == "kubernetes.io/service-account-token"
    assert found.named("ClusterRoleBinding/istio-remote-reader").urn in found.depends_on(token)


def test_the_outputs_keep_their_contract_and_hold_one_fingerprint_of_the_authority() -> None:
    found = dict(joined().exports)
    jsonschema.Draft202012Validator(without_required(outputs.json_schema())).validate(known(found))
    own = found["multi_cluster"]
    assert own["root_sha256"] == CertificateAuthoritySpec(**ca("east")).root_sha256
    assert {name: own[name] for name in ("mesh", "cluster", "network", "peer", "failing_over")} == {
        **NAMES,
        "peer": THERE,
        "failing_over": ["invoices.billing.svc.cluster.local"],
    }
    assert "multi_cluster" not in registered(values()).exports


MISMATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "another mesh": ({"mesh": "other"}, "istio.multi_cluster.mesh: must be the name that"),
    "the same cluster": ({"cluster": "east"}, "istio.multi_cluster.cluster: is the name of the cluster of"),
    "the same network": ({"network": "vpc-east"}, "istio.multi_cluster.network: is the network of"),
    "another root": ({"root_sha256": "0" * 64}, "istio.multi_cluster.ca.root: is another certificate"),
    "another peer": (
        {"peer": "acme/chatgpt-mesh/north"},
        "istio.multi_cluster.peer.stack: names acme/chatgpt-mesh/north",
    ),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_two_clusters_that_do_not_fit_are_refused_before_anything_is_registered(case: str) -> None:
    changes, sentence = MISMATCHES[case]
    found = joined(answered=outputs_of_west(**changes))
    assert found.resources == []
    assert found.error is not None
    assert "1 mistake in the configuration" in found.error
    assert sentence in found.error


def test_another_trust_domain_an_older_istio_and_other_outputs_are_refused_too() -> None:
    cases = {
        "trust_domain: must be that of acme/chatgpt-mesh/west, west.local": {"trust_domain": "west.local"},
        "istio.version: is more than one minor away from 1.29.7": {"istio_version": "1.29.7"},
        "istio.multi_cluster.peer.stack: has outputs of version 2": {"schema_version": 2},
        "istio.multi_cluster.peer.stack: has outputs that do not keep their contract": {"multi_cluster": {"mesh": "m"}},
    }
    for sentence, changes in cases.items():
        found = joined(answered={**outputs_of_west(), **changes})
        assert found.resources == []
        assert sentence in (found.error or "")


def test_an_app_that_the_other_does_not_let_in_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert joined(answered=outputs_of_west(failing_over=[])).error is None
    said = "apps.invoices.cluster_failover: is not said of invoices.billing.svc.cluster.local in acme/chatgpt-mesh/west"
    assert said in caplog.text


def on_google() -> dict[str, Any]:
    multi_cluster = {**NAMES, "ca": ca(), "peer": {"stack": THERE}}
    access = {"dns": {"service_account_tokens": True}}
    return {
        **SOUND,
        "cluster": {**SOUND["cluster"], "access": access},
        "istio": {**SOUND["istio"], "multi_cluster": multi_cluster},
        "gateways": platform()["gateways"],
        "apps": {"invoices": shared_app()},
    }


def of_google(**changes: Any) -> dict[str, Any]:
    vpc = {
        "network_id": "projects/acme/global/networks/west",
        "subnet_cidr": "10.32.0.0/20",
        "pods_cidr": "10.36.0.0/14",
        "services_cidr": "10.40.0.0/20",
        "control_plane_cidr": "10.40.16.0/28",
    }
    return {**outputs_of_west(), **vpc, **changes}


def test_two_stacks_of_google_join_their_networks_and_let_each_other_in() -> None:
    found = joined(on_google(), answered=of_google())
    assert found.error is None, found.error
    (peering,) = found.of_type("gcp:compute/networkPeering:NetworkPeering")
    assert peering.inputs["peerNetwork"] == "projects/acme/global/networks/west"
    service = found.named("istio-eastwest/istio-eastwestgateway").inputs["values"]["service"]
    assert service["loadBalancerSourceRanges"] == ["10.32.0.0/20", "10.36.0.0/14"]
    assert service["annotations"] == {
        "networking.gke.io/load-balancer-type": "Internal",
        "networking.gke.io/internal-load-balancer-allow-global-access": "true",
    }
    alone = joined(on_google(), answered="unknown stack 'acme/chatgpt-mesh/west'")
    assert not alone.of_type("gcp:compute/networkPeering:NetworkPeering")


def test_ranges_that_overlap_are_refused_before_anything_is_registered() -> None:
    found = joined(on_google(), answered=of_google(pods_cidr="10.0.0.0/8"))
    assert found.resources == []
    assert "network.pods: overlaps network.pods of acme/chatgpt-mesh/west, 10.0.0.0/8" in (found.error or "")
