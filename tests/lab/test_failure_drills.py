"""Failures that docs/failures.md declares: what clients see while something is away, and what ends it."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatgpt_mesh.mesh.__main__ import main
from lab.processes import Processes
from lab.workloads.request import send
from tests.lab.killed_deploys.converging import again, check_as_declared, declared_objects, istio_objects
from tests.lab.killed_deploys.declarations import changed, without
from tests.lab.kubectl import scaled
from tests.lab.running_lab import eventually, new_id
from tests.lab.test_b24_rollout_under_load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

AWAY_SECONDS = 15
LEAST_REQUESTS = 100


def test_proxies_ask_no_name_server_for_what_is_in_the_mesh(lab: RunningLab) -> None:
    with (
        load(lab, requests_per_connection=5) as seen,
        scaled(lab, "kube-system", "coredns", "k8s-app=kube-dns", to=0),
    ):
        time.sleep(AWAY_SECONDS)
    assert len(seen.replies) > LEAST_REQUESTS
    assert not seen.failures, seen.failures.most_common(3)


def expired(names: list[str]) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday - timedelta(days=1))
        .not_valid_after(yesterday)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"tls.crt": certificate.public_bytes(serialization.Encoding.PEM), "tls.key": private}


@pytest.mark.long
def test_an_expired_certificate_is_named_and_a_new_one_is_in_force_without_a_restart(
    lab: RunningLab, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = lab.stack.gateways["public"]
    secrets = {told.tls.secret for told in gateway.listeners.values() if told.tls is not None and told.tls.secret}
    (name,) = secrets
    verify = ["verify", "--kubeconfig", str(lab.kubeconfig)]

    def expire(secret: dict[str, Any]) -> None:
        made = {key: base64.b64encode(value).decode() for key, value in expired([lab.host]).items()}
        secret["data"] = {**secret["data"], **made}

    with lab.objects.edited("Secret", gateway.home, name, expire):
        eventually(lambda: send(lab.call("ping")).status == 0, within=30, what="clients refuse the certificate")
        assert "certificate" in send(lab.call("ping")).error.lower()
        assert main(verify) == 1
        assert f"{gateway.home}/{name}" in capsys.readouterr().out
    eventually(lambda: send(lab.call("ping")).status == 200, within=30, what="the new certificate is shown")
    assert main(verify) == 0


def test_a_token_from_a_clock_that_is_ten_minutes_ahead_is_refused(lab: RunningLab) -> None:
    """Envoy lets a minute pass: https://www.envoyproxy.io/docs (JwtProvider, clock_skew_seconds)."""
    ahead = int(time.time())
    for seconds, status in ((600, 401), (30, 200)):
        token = lab.token(subject=new_id("ahead"), nbf=ahead + seconds, exp=ahead + 3600)
        assert send(lab.call("ping", token=token)).status == status, seconds


@contextlib.contextmanager
def hanging(lab: RunningLab, process: str, *, after: float, seconds: float) -> Iterator[None]:
    """A process of the control plane that answers nobody for a while."""
    record = Processes(lab.state).running(process)
    assert record is not None
    over = threading.Event()

    def hang() -> None:
        over.wait(after)
        os.kill(record.pid, signal.SIGSTOP)
        over.wait(seconds)
        os.kill(record.pid, signal.SIGCONT)

    thread = threading.Thread(target=hang)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.long
def test_an_api_server_that_hangs_in_the_middle_of_up_costs_nothing_but_time(lab: RunningLab, tmp_path: Path) -> None:
    base = without(lab, tmp_path)
    others = istio_objects(lab) - declared_objects(base)
    after = changed(lab, tmp_path)
    try:
        with load(lab, requests_per_connection=5) as seen:
            with hanging(lab, "kube-apiserver", after=4.0, seconds=20.0):
                lab.pulumi("up", "--yes", "--skip-preview", stack_file=after)
            again(lab, after)
        assert len(seen.replies) > LEAST_REQUESTS
        assert not seen.failures, seen.failures.most_common(3)
        check_as_declared(lab, after, others)
    finally:
        again(lab, base)
