"""What the GCP stand-in plans."""

from __future__ import annotations

import pytest

from lab.plugins.gcp.provider import planned_outputs
from lab.plugins.wire import UNKNOWN

pytestmark = pytest.mark.unit


def test_an_output_inside_a_block_that_the_program_sets_is_unknown() -> None:
    inputs = {"name": "c", "masterAuth": {"clientCertificateConfig": {"issueClientCertificate": False}}}
    planned = planned_outputs("gcp:container/cluster:Cluster", inputs)
    assert planned["masterAuth"]["clusterCaCertificate"] is UNKNOWN
    assert planned["name"] == "c"
    assert "privateClusterConfig" not in planned, "a block that is not set is unknown as a whole"
    assert "clusterCaCertificate" not in inputs["masterAuth"]


def test_what_the_program_sets_itself_stays() -> None:
    inputs = {"masterAuth": {"clusterCaCertificate": "given"}}
    assert planned_outputs("gcp:container/cluster:Cluster", inputs) == {
        "masterAuth": {"clusterCaCertificate": "given", "clientCertificate": UNKNOWN, "clientKey": UNKNOWN}
    }
