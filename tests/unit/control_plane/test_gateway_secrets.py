"""A listener whose certificate is missing, broken, too old or for another host is named, with who ought to fill it."""

from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.control_plane import certificates, verify
from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
from chatgpt_mesh.control_plane.gateway_secrets import Unreadable, report
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.mesh.__main__ import main
from lab.pki import LIFETIME, edge_authority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.unit

NOW = datetime.datetime.now(datetime.UTC)
HOST = "weather.example.com"
WHERE = f"Gateway istio-ingress/public, server https-web ({HOST}): the Secret istio-ingress/edge-tls "
NOBODY = " No Certificate of cert-manager requests it: whoever writes it by hand must."


@dataclass
class Cluster:
    """A cluster with one listener."""

    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, "Mapping[str, str]"])
    requested: Sequence[Mapping[str, Any]] = ()
    mode: str = "SIMPLE"
    may_read: bool = True
    hosts: tuple[str, ...] = (f"weather/{HOST}",)

    def gateways(self) -> Sequence[Mapping[str, Any]]:
        port = {"number": 443, "name": "https-web", "protocol": "HTTPS"}
        tls = {"mode": self.mode, "credentialName": "edge-tls"}
        servers = [
            {"port": port, "hosts": list(self.hosts), "tls": tls},
            {
                "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                "hosts": [HOST],
                "tls": {"httpsRedirect": True},
            },
        ]
        return [{"metadata": {"namespace": "istio-ingress", "name": "public"}, "spec": {"servers": servers}}]

    def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        assert namespace == "istio-ingress"
        if not self.may_read:
            raise Unreadable("it needs the right to get Secrets there")
        return self.secrets.get(name)

    def certificates(self, namespace: str) -> Sequence[Mapping[str, Any]]:
        assert namespace == "istio-ingress"
        return self.requested


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, str]]:
    """The data of Secrets for hosts, from an authority of the test's own."""
    authority = edge_authority(tmp_path_factory.mktemp("pki"))
    names = {"exact": (HOST,), "wildcard": ("*.example.com",), "other": ("www.example.org",)}
    return {name: data(*authority.issue(name, name, names=hosts)) for name, hosts in names.items()}


def data(certificate: Path, key: Path) -> dict[str, str]:
    files = {"tls.crt": certificate, "tls.key": key}
    return {name: base64.b64encode(path.read_bytes()).decode() for name, path in files.items()}


@pytest.mark.parametrize("name", ["exact", "wildcard"])
def test_a_good_certificate_is_nothing_to_tell(name: str, pairs: Mapping[str, dict[str, str]]) -> None:
    assert report(Cluster({"edge-tls": pairs[name]}), NOW).found == ()


def test_a_secret_that_is_missing_is_named() -> None:
    assert report(Cluster(), NOW).found == (f"{WHERE}is missing, and no client gets through.{NOBODY}",)


def test_and_why_cert_manager_has_not_filled_it() -> None:
    message = "Waiting on certificate issuance from order istio-ingress/edge-tls-1: pending"
    conditions = [
        {"type": "Ready", "status": "False", "message": "Issuing certificate as Secret does not exist"},
        {"type": "Issuing", "status": "True", "message": message},
    ]
    requested = {
        "metadata": {"name": "edge"},
        "spec": {"secretName": "edge-tls"},
        "status": {"conditions": conditions},
    }
    (told,) = report(Cluster(requested=[requested]), NOW).found
    assert told.endswith(f"cert-manager's Certificate istio-ingress/edge says: {message}")


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (LIFETIME + datetime.timedelta(days=1), "holds a certificate that expired on "),
        (LIFETIME - datetime.timedelta(days=6), "holds a certificate that expires on "),
        (datetime.timedelta(days=-1), "holds a certificate that is not valid before "),
    ],
)
def test_its_time_is_told(after: datetime.timedelta, sentence: str, pairs: Mapping[str, dict[str, str]]) -> None:
    (told,) = report(Cluster({"edge-tls": pairs["exact"]}), NOW + after).found
    assert told.startswith(WHERE + sentence), told


def test_it_is_not_told_before_its_time_comes(pairs: Mapping[str, dict[str, str]]) -> None:
    cluster = Cluster({"edge-tls": pairs["exact"]})
    assert report(cluster, NOW + LIFETIME - datetime.timedelta(days=8)).found == ()


def test_one_for_another_host_is_named(pairs: Mapping[str, dict[str, str]]) -> None:
    assert report(Cluster({"edge-tls": pairs["other"]}), NOW).found == (
        f"{WHERE}holds a certificate for www.example.org, and not for {HOST}.{NOBODY}",
    )


def test_a_wildcard_stands_for_one_label_and_not_for_a_wildcard_below_it(pairs: Mapping[str, dict[str, str]]) -> None:
    below = Cluster({"edge-tls": pairs["wildcard"]}, hosts=("weather/a.b.example.com",))
    assert "and not for a.b.example.com" in report(below, NOW).found[0]
    same = Cluster({"edge-tls": pairs["wildcard"]}, hosts=("weather/*.example.com",))
    assert report(same, NOW).found == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tls.key": ""}, "has no tls.key, and no client gets through"),
        ({"tls.crt": base64.b64encode(b"x").decode()}, "holds no certificate and key in PEM under tls.crt and tls.key"),
        ({"tls.key": base64.b64encode(b"x").decode()}, "holds no certificate and key in PEM under tls.crt and tls.key"),
    ],
)
def test_a_broken_one_is_named(change: dict[str, str], sentence: str, pairs: Mapping[str, dict[str, str]]) -> None:
    (told,) = report(Cluster({"edge-tls": {**pairs["exact"], **change}}), NOW).found
    assert told.startswith(WHERE + sentence), told


def test_a_key_of_another_certificate_is_named_and_not_shown(pairs: Mapping[str, dict[str, str]]) -> None:
    mixed = {"tls.crt": pairs["exact"]["tls.crt"], "tls.key": pairs["other"]["tls.key"]}
    (told,) = report(Cluster({"edge-tls": mixed}), NOW).found
    assert "holds a key (tls.key) of another certificate than tls.crt" in told
    assert mixed["tls.key"][:40] not in told


def test_mutual_tls_needs_a_ca(pairs: Mapping[str, dict[str, str]]) -> None:
    (told,) = report(Cluster({"edge-tls": pairs["exact"]}, mode="MUTUAL"), NOW).found
    assert "has no ca.crt, and there is no Secret istio-ingress/edge-tls-cacert" in told
    inside = {"edge-tls": {**pairs["exact"], "ca.crt": "x"}}
    beside = {"edge-tls": pairs["exact"], "edge-tls-cacert": {"ca.crt": "x"}}
    assert not [secrets for secrets in (inside, beside) if report(Cluster(secrets, mode="MUTUAL"), NOW).found]


def test_what_may_not_be_read_is_said_and_no_finding() -> None:
    told = report(Cluster(may_read=False), NOW)
    assert told.found == ()
    assert told.unread == (
        f"{WHERE}may not be read, so nothing is said about its certificate (it needs the right to get Secrets there).",
    )


@pytest.mark.parametrize(("cluster", "status"), [(Cluster(), 1), (Cluster(may_read=False), 0)])
def test_verify_says_it(
    cluster: Cluster, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "KubernetesApi", lambda **_: cluster)
    monkeypatch.setattr(ControlPlane, "wait_synced", lambda *_, **__: None)
    monkeypatch.setattr(ControlPlane, "acknowledgements", lambda _: [type("State", (), {"proxy": "a"})()])
    assert main(["verify"]) == status
    told = report(cluster)
    assert [
        *told.found,
        *told.unread,
        "Every update is in force at all 1 proxies.",
    ] == capsys.readouterr().out.splitlines()


class Taking:
    """A cluster whose webhook is trusted after some time."""

    def __init__(self, refusals: int) -> None:
        self.asked, self._refusals = 0, refusals

    def takes(self, group: str, version: str, plural: str, manifest: Mapping[str, Any]) -> str | None:
        assert (group, version, plural, manifest["kind"]) == (
            "cert-manager.io",
            "v1",
            "clusterissuers",
            "ClusterIssuer",
        )
        self.asked += 1
        return "x509: certificate signed by unknown authority" if self.asked <= self._refusals else None


def test_objects_wait_until_cert_manager_takes_them() -> None:
    api = Taking(3)
    certificates.wait_until_taken(api, sleep=lambda _: None)
    assert api.asked == 4


def test_one_that_never_takes_them_is_told_with_its_reason() -> None:
    time = iter(range(1000))
    with pytest.raises(ControlPlaneUnreachableError, match="takes no issuer after 120 s: x509: certificate signed"):
        certificates.wait_until_taken(Taking(1000), clock=lambda: next(time), sleep=lambda _: None)
