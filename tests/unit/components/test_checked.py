"""The program judges its own stacks by the strict profile."""

from __future__ import annotations

from pathlib import Path

import pytest

import meshlint
from tests.surroundings import surroundings
from tests.unit.golden import concern, product

pytestmark = pytest.mark.unit

ANY_ADDRESS = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "anywhere", "namespace": "billing"},
    "spec": {
        "hosts": ["anywhere.example.net"],
        "ports": [{"number": 8443, "name": "tls", "protocol": "TLS"}],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "exportTo": ["."],
    },
}
"""An info to anybody: Istio's own default."""


def test_what_the_default_profile_leaves_to_taste_the_program_warns_of(tmp_path: Path) -> None:
    assert not meshlint.run([ANY_ADDRESS], today=product.TODAY).warnings
    with surroundings(tmp_path / "machine"):
        values = concern.settings("raw-object")
        built = product.of_values({**values, "objects": [*values["objects"], ANY_ADDRESS]})
        (said,) = [said for said in built.findings() if "ServiceEntry/billing/anywhere" in said]
    assert "MCP504" in said
