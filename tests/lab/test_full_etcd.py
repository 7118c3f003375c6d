"""A cluster whose store is full: `up` says so and can be made again, and no request notices."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from lab import network, pki
from tests.lab.killed_deploys.converging import UP, again, check_as_declared, declared_objects, istio_objects
from tests.lab.killed_deploys.declarations import changed, without
from tests.lab.test_b24_rollout_under_load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.long

LEAST_REQUESTS = 100


@contextlib.contextmanager
def etcd_is_full(lab: RunningLab) -> Iterator[None]:
    """The alarm that etcd raises when its quota is used up: it refuses every write until the alarm is lifted.
    https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota"""
    authority = pki.cluster_authority(lab.state.pki)
    trusted = ssl.create_default_context(cafile=str(authority.certificate))
    certificate, key = authority.issue("kube-apiserver-etcd-client", "kube-apiserver")
    trusted.load_cert_chain(certificate, key)

    def alarm(action: str) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", network.ETCD_PORT, context=trusted, timeout=10)
        with contextlib.closing(connection):
            body = json.dumps({"action": action, "memberID": "1", "alarm": "NOSPACE"})
            connection.request("POST", "/v3/maintenance/alarm", body)
            answered = connection.getresponse()
            assert answered.status == 200, answered.read()

    alarm("ACTIVATE")
    try:
        yield
    finally:
        alarm("DEACTIVATE")


def test_a_full_etcd_refuses_changes_and_no_request(lab: RunningLab, tmp_path: Path) -> None:
    base = without(lab, tmp_path)
    others = istio_objects(lab) - declared_objects(base)
    after = changed(lab, tmp_path)
    try:
        with load(lab, requests_per_connection=5) as seen:
            with etcd_is_full(lab):
                refused = lab.pulumi(*UP, stack_file=after)
            assert refused.returncode != 0
            assert "database space exceeded" in refused.stdout, refused.stdout[-2000:]
            again(lab, after)
        assert len(seen.replies) > LEAST_REQUESTS
        assert not seen.failures, seen.failures.most_common(3)
        check_as_declared(lab, after, others)
    finally:
        again(lab, base)
