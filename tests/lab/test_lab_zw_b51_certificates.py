"""Prod's own declaration has its certificates from a CA that speaks ACME, and they are renewed unnoticed.

The lab runs prod for these tests, and afterwards what it ran before.
"""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chatgpt_mesh.mesh.specs.certificate_issuers import CertificateIssuerSpec
from chatgpt_mesh.mesh.specs.listeners import ListenerSpec
from lab import pki
from lab.state import CHECKOUT
from lab.workloads.internet import SITES
from tests.lab.bring_up import MESH, bring_up, running_lab
from tests.lab.running_lab import Gateway, RunningLab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings

pytestmark = pytest.mark.long

GATEWAYS = "istio-ingress"
SECRET = "example-com-tls"  # its name
PATH = "/.well-known/acme-challenge/"
RENEWED_WITHIN = 150.0
"""cert-manager waits a minute after the record of a challenge has been seen, for caches elsewhere."""


@pytest.fixture(scope="module")
def prod() -> Iterator[RunningLab]:
    bring_up("prod")
    yield running_lab("prod")
    if MESH != "prod":
        bring_up(MESH)


def public(lab: RunningLab) -> Gateway:
    """The public gateway for a client that trusts the CA of the lab's certificates."""
    return Gateway(lab.public.address, str(lab.state.pki / "trusted.crt"))


def served(lab: RunningLab, host: str) -> x509.Certificate:
    """The certificate that a client is shown."""
    context = ssl.create_default_context(cafile=str(lab.state.pki / "trusted.crt"))
    with (
        socket.create_connection((lab.public.address, 443), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


def ready(lab: RunningLab, name: str) -> bool:
    conditions = lab.objects.get("Certificate", GATEWAYS, name).get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def verified() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mesh", "verify"], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False
    )


class Requests:
    """A client that comes anew all the time, each time with a handshake."""

    def __init__(self, lab: RunningLab, host: str) -> None:
        self._gateway, self._url = public(lab), f"https://{host}/health"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.statuses: list[int] = []
        self.errors: list[str] = []

    def _run(self) -> None:
        while not self._stop.is_set():
            reply = self._gateway.send(self._url)
            self.statuses.append(reply.status)
            self.errors += [reply.error] if reply.error else []
            time.sleep(0.02)

    def __enter__(self) -> Requests:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)


def test_prods_certificate_is_issued_by_its_own_issuer(prod: RunningLab) -> None:
    certificate = prod.objects.get("Certificate", GATEWAYS, SECRET)
    assert certificate["spec"]["issuerRef"]["name"] == "letsencrypt"
    assert ready(prod, SECRET)
    leaf = served(prod, prod.host)
    assert "Pebble" in leaf.issuer.rfc4514_string()
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    ) == ["*.example.com"]
    assert public(prod).send(f"https://{prod.host}/health").status == 200


def test_it_was_proven_by_a_record_in_the_declared_zone(prod: RunningLab) -> None:
    log = (prod.state.logs / "cloud-dns.log").read_text(encoding="utf-8")
    assert "POST /dns/v1/projects/acme-chatgpt-prod/managedZones/example-com/changes" in log
    zone = prod.state.zone_file.read_text(encoding="ascii")
    assert "_acme-challenge" not in zone, "what was written for the challenge has not been taken back"


def test_a_renewal_brings_a_new_key_and_fails_no_request(prod: RunningLab) -> None:
    before = served(prod, prod.host)
    with Requests(prod, prod.host) as requests:
        renew(prod, SECRET)
        eventually(
            lambda: served(prod, prod.host).serial_number != before.serial_number,
            within=RENEWED_WITHIN,
            what="the gateway shows the new certificate",
        )
        time.sleep(1)
    assert len(requests.statuses) > 20
    assert set(requests.statuses) == {200}, requests.errors
    assert served(prod, prod.host).public_key() != before.public_key()


def renew(lab: RunningLab, name: str) -> None:
    """What `cmctl renew` does: the condition by which cert-manager issues at once."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "",
        "lastTransitionTime": now,
    }
    live = lab.objects.get("Certificate", GATEWAYS, name)
    kept = [one for one in live["status"]["conditions"] if one["type"] != "Issuing"]
    patch = json.dumps({"status": {"conditions": [*kept, asked]}})
    command = ["kubectl", "patch", "certificate", name, f"--namespace={GATEWAYS}", f"--patch={patch}"]
    subprocess.run([*command, "--subresource=status", "--type=merge"], check=True, capture_output=True)


def test_verify_is_content(prod: RunningLab) -> None:
    assert ready(prod, SECRET)
    done = verified()
    assert done.returncode == 0, done.stdout + done.stderr


def test_verify_names_a_certificate_that_has_expired(prod: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "internal-example-com-tls"
    before = prod.core.read_namespaced_secret(name, "istio-internal").data
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=400)
    monkeypatch.setattr(pki, "datetime", _Clock(past))
    authority = pki.edge_authority(prod.state.pki)
    certificate, key = authority.issue("expired", "expired", names=("internal.example.com",))
    monkeypatch.undo()
    data = {"tls.crt": certificate, "tls.key": key}
    expired = {file: base64.b64encode(path.read_bytes()).decode() for file, path in data.items()}
    try:
        prod.core.patch_namespaced_secret(name, "istio-internal", {"data": expired})
        done = verified()
    finally:
        prod.core.patch_namespaced_secret(name, "istio-internal", {"data": before})
        for path in data.values():
            path.unlink()
    assert done.returncode == 1
    assert f"the Secret istio-internal/{name} holds a certificate that expired on" in done.stdout


class _Clock:
    """The module `datetime` as of another day."""

    UTC, timedelta = datetime.UTC, datetime.timedelta

    def __init__(self, now: datetime.datetime) -> None:
        self.datetime = type("datetime", (), {"now": staticmethod(lambda _zone: now)})


def test_a_secret_that_is_deleted_comes_back(prod: RunningLab) -> None:
    prod.core.delete_namespaced_secret(SECRET, GATEWAYS)
    done = verified()
    told = f"the Secret {GATEWAYS}/{SECRET} is missing, and no client gets through. cert-manager's Certificate"
    assert told in done.stdout or done.returncode == 0, done.stdout
    eventually(lambda: ready(prod, SECRET) and prod.public is not None, within=RENEWED_WITHIN, what="issued again")
    eventually(lambda: reaches(prod, prod.host), within=20, what="clients get through again")


def reaches(lab: RunningLab, host: str) -> bool:
    return public(lab).send(f"https://{host}/health").status != 0


# --- by page, and of a CA of your own

STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
"""Its certificates are good for a minute and a half here."""

BY_PAGE, OWN = "page.example.com", "company.example.com"


def with_further_listeners(stack: Settings) -> Settings:
    """Prod with two hosts of certificates that others sign."""
    issuers = {
        "page": CertificateIssuerSpec.model_validate({"acme": {"server": STAGING, "http01": {}}}).named("page"),
        "company": CertificateIssuerSpec.model_validate({"ca": {"secret": "company-ca"}}).named("company"),
    }
    listeners = {
        name: ListenerSpec.model_validate({"hosts": [host], "tls": {"cert_manager": {"issuer": name}}})
        for name, host in (("page", BY_PAGE), ("company", OWN))
    }
    gateway = stack.gateways["public"]
    changed = gateway.model_copy(update={"listeners": {**gateway.listeners, **listeners}})
    return stack.model_copy(
        update={
            "certificate_issuers": {**stack.certificate_issuers, **issuers},
            "gateways": {**stack.gateways, "public": changed},
        }
    )


@pytest.fixture(scope="module")
def further(prod: RunningLab) -> Iterator[RunningLab]:
    authority = pki.edge_authority(prod.state.pki)
    data = {"tls.crt": authority.certificate, "tls.key": authority.directory / "ca.key"}
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "company-ca", "namespace": "cert-manager"},
        "data": {name: base64.b64encode(path.read_bytes()).decode() for name, path in data.items()},
    }
    record(prod, f"{BY_PAGE}.", prod.public.address)
    with prod.objects.with_added(secret), prod.declaring(with_further_listeners(prod.stack)):
        yield prod
    there = {secret.metadata.name for secret in prod.core.list_namespaced_secret(GATEWAYS).items}
    for name in there & {"public-page-tls", "public-company-tls"}:
        prod.core.delete_namespaced_secret(name, GATEWAYS)


def record(lab: RunningLab, name: str, address: str) -> None:
    """What `network.dns` would write in Cloud DNS: where the host leads."""
    metadata = http.client.HTTPConnection(SITES["metadata"].address, timeout=10)
    metadata.request(
        "GET",
        "/computeMetadata/v1/instance/service-accounts/default/token",
        headers={"Metadata-Flavor": "Google"},
    )
    token = json.loads(metadata.getresponse().read())["access_token"]
    context = ssl.create_default_context(cafile=str(lab.ca_file))
    context.check_hostname = False  # the address is connected to, without a name
    dns = http.client.HTTPSConnection(SITES["cloud-dns"].address, context=context, timeout=10)
    change = {"additions": [{"name": name, "type": "A", "ttl": 5, "rrdatas": [address]}]}
    path = "/dns/v1/projects/acme-chatgpt-prod/managedZones/example-com/changes"
    dns.request("POST", path, json.dumps(change), {"authorization": f"Bearer {token}"})
    answer = dns.getresponse()
    assert answer.status == 200, answer.read()


def test_a_host_is_proven_by_a_page_although_port_80_redirects(further: RunningLab) -> None:
    eventually(lambda: ready(further, "public-page-tls"), within=90, what="issued by HTTP-01")
    eventually(lambda: shown(further, BY_PAGE), within=20, what="the gateway serves it")
    assert "Pebble" in served(further, BY_PAGE).issuer.rfc4514_string()
    plain = further.public.send(f"http://{BY_PAGE}/mcp")
    assert (plain.status, plain.header("location")) == (301, f"https://{BY_PAGE}/mcp")


def test_the_path_of_the_page_reaches_nothing_when_no_challenge_is_open(further: RunningLab) -> None:
    eventually(lambda: ready(further, "public-page-tls"), within=90, what="issued by HTTP-01")
    pods = "acme.cert-manager.io/http01-solver=true"
    eventually(lambda: not further.pods(GATEWAYS, pods), within=30, what="the solver is gone")
    assert further.public.send(f"http://{BY_PAGE}{PATH}x").status == 503


def test_it_is_renewed_before_it_expires_and_fails_no_handshake(further: RunningLab) -> None:
    eventually(lambda: ready(further, "public-page-tls"), within=90, what="issued by HTTP-01")
    eventually(lambda: shown(further, BY_PAGE), within=20, what="the gateway serves it")
    before = served(further, BY_PAGE)
    life = before.not_valid_after_utc - before.not_valid_before_utc
    with Requests(further, BY_PAGE) as requests:
        eventually(
            lambda: served(further, BY_PAGE).serial_number != before.serial_number,
            within=life.total_seconds(),
            what="the gateway shows the next certificate",
        )
    assert datetime.datetime.now(datetime.UTC) < before.not_valid_after_utc
    assert requests.statuses
    assert 0 not in requests.statuses, requests.errors


def test_a_ca_of_your_own_signs_too(further: RunningLab) -> None:
    eventually(lambda: ready(further, "public-company-tls"), within=30, what="issued by the company's CA")
    eventually(lambda: shown(further, OWN), within=20, what="the gateway serves it")
    own = x509.load_pem_x509_certificate(further.ca_file.read_bytes())
    assert served(further, OWN).issuer == own.subject


def shown(lab: RunningLab, host: str) -> bool:
    try:
        names = served(lab, host).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except OSError:
        return False
    return host in names.get_values_for_type(x509.DNSName)
