"""When the EnvoyFilter for an upstream Envoy is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import upstream_envoy
from lab.failure import LabError
from lab.state import State
from lab.toolchain import Toolchain
from lab.upstream_envoy import UpstreamEnvoy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

KINDS = "/apis/networking.istio.io/v1alpha3"
NAMESPACE = "/api/v1/namespaces/istio-system"
FILTER = f"{KINDS}/namespaces/istio-system/envoyfilters/lab-upstream-envoy-has-no-istio-stats"


class Api:
    """A cluster that has what is in `there`, and takes objects or refuses them."""

    there: set[str] = set()
    refuses = False
    applied = 0

    def __init__(self, _kubeconfig: Path) -> None: ...

    def get(self, path: str) -> bytes | None:
        return b"{}" if path in Api.there else None


@pytest.fixture
def envoy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> UpstreamEnvoy:
    def kubectl(*_: object, **__: object) -> str:
        Api.applied += 1
        if Api.refuses:
            raise LabError("the namespace is being terminated")
        Api.there = {*Api.there, FILTER}
        return ""

    Api.there, Api.refuses, Api.applied = set(), False, 0
    monkeypatch.setattr(upstream_envoy, "ApiServer", Api)
    monkeypatch.setattr(upstream_envoy, "kubectl", kubectl)
    monkeypatch.setattr(upstream_envoy, "TIMEOUT", 0.0)
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    return UpstreamEnvoy(State.from_environment(), Toolchain())


@pytest.mark.parametrize("there", [set(), {NAMESPACE}, {KINDS}, {NAMESPACE, KINDS, FILTER}])
def test_it_waits_for_what_it_needs_and_is_applied_once(envoy: UpstreamEnvoy, there: set[str]) -> None:
    Api.there = there
    envoy.ensure()
    assert Api.applied == 0


def test_it_is_applied_as_soon_as_it_can_be(envoy: UpstreamEnvoy) -> None:
    Api.there = {NAMESPACE, KINDS}
    envoy.ensure()
    envoy.ensure()
    assert Api.applied == 1
    envoy.wait()


def test_a_cluster_that_refuses_it_is_asked_again(envoy: UpstreamEnvoy) -> None:
    Api.there, Api.refuses = {NAMESPACE, KINDS}, True
    envoy.ensure()
    with pytest.raises(LabError, match="python -m lab logs upstream-envoy"):
        envoy.wait()
    Api.refuses = False
    envoy.ensure()
    assert envoy.is_there()
