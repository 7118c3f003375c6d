"""What `null` in a stack file stands for."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from tests.unit.golden import product

pytestmark = pytest.mark.unit

STACK: dict[str, Any] = {
    "cluster": {"kind": "existing", "context": "kind-mesh"},
    "istio": {"version": "1.31.4"},
    "gateways": {"public": {"kind": "public"}},
    "apps": {
        "weather": {"namespace": "weather", "service": {"port": 8080, "target_port": 3000}},
        "orders": {"namespace": "orders"},
    },
}


@pytest.fixture(autouse=True)
def kubeconfig(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path_factory.mktemp("machine") / "kubeconfig"
    path.write_text("contexts: [{name: kind-mesh}]", encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))


def under(change: dict[str, Any]) -> product.Built:
    return product.of_values(product.over(STACK, change))


def test_a_named_thing_is_taken_away() -> None:
    assert set(under({"apps": {"orders": None}}).settings.apps) == {"weather"}


def test_a_setting_that_is_never_nothing_has_its_default_again() -> None:
    assert under({"gateways": {"public": {"redirect_http": None}}}).settings.gateways["public"].redirect_http is True


def test_a_setting_whose_default_is_something_can_be_nothing() -> None:
    resources = {"public": {"workload": {"resources": {"memory": "2Gi", "memory_limit": None}}}}
    weather = {"weather": {"resilience": {"outlier": None}}}
    settings = under({"gateways": resources, "apps": weather}).settings
    assert settings.gateways["public"].workload.resources.memory_limit is None
    assert settings.apps["weather"].resilience.outlier is None


def test_a_setting_that_is_nothing_by_default_is_so_again() -> None:
    service = under({"apps": {"weather": {"service": {"target_port": None}}}}).settings.apps["weather"].service
    assert service is not None
    assert service.target_port is None


def test_what_is_required_is_missing_then() -> None:
    with pytest.raises(InvalidConfig, match="istio: is required"):
        under({"istio": None})


def test_a_misspelt_name_is_told() -> None:
    with pytest.raises(InvalidConfig, match=r"apps\.weather\.resilence: is not a setting; did you mean `resilience`"):
        under({"apps": {"weather": {"resilence": None}}})
