"""A stack of a mesh with two clusters under Pulumi's mocks: what it registers, in which order, and what it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.program.recorded_program import Recorded, run
from tests.program.test_secrets import SECRET_SIGNATURE
from tests.surroundings import own_layer, surroundings
from tests.unit.authorities import ca
from tests.unit.team_stack import app, platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

NAMES = {"mesh": "chatgpt", "cluster": "east", "network": "vpc-east"}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
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
