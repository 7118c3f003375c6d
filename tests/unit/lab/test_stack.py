"""The lab's stack file on another environment or another cluster."""

from __future__ import annotations

import contextlib
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from chatgpt_mesh.stack.settings import Settings, load_stack
from lab.failure import LabError, WrongUseError
from lab.stack import (
    SKIP_CHECKPOINTS,
    STACK,
    STACK_FILE,
    TAKE_OVER,
    Stack,
    available_stacks,
    knows_nothing,
    lab_stack,
    require_stack,
)
from lab.state import State
from tests.surroundings import ROOT, surroundings

if TYPE_CHECKING:
    from lab.toolchain import Toolchain

TODAY = date(2026, 11, 24)
OWN = yaml.safe_load(STACK_FILE.read_text(encoding="utf-8"))
STRANGERS = """
config:
  chatgpt-mesh:cluster: {kind: existing, context: office}
  chatgpt-mesh:gateways:
    edge:
      kind: public
      workload: {replicas: {min: 3, max: 9}}
      listeners:
        web: {hosts: [weather.example.org], tls: {secret: web, cert_manager: {issuer: letsencrypt}}}
        old: {hosts: [old.example.org], tls: {secret: old}}
    theirs:
      kind: internal
      existing: {}
      namespace: theirs
      release: istio-theirs
      listeners: {web: {hosts: [in.example.org], tls: {secret: in}}}
  chatgpt-mesh:istio: {version: "1.31.4"}
  chatgpt-mesh:cert_manager: {install: false}
  chatgpt-mesh:certificate_issuers: {letsencrypt: {existing: true}}
  chatgpt-mesh:apps:
    frontend: {namespace: weather}
    weather:
      namespace: weather
      host: weather.example.org
      gateway: edge
      service: {port: 80, target_port: 3000}
      mcp: {}
      auth:
        issuers:
          - {issuer: "https://login.example.org", jwks_uri: "https://login.example.org/keys", audiences: [weather]}
"""


def settings(stack: dict[str, Any], key: str) -> Any:
    return stack["config"][f"chatgpt-mesh:{key}"]


@pytest.fixture
def prod(tmp_path: Path) -> Settings:
    with surroundings(tmp_path / "machine"):
        return load_stack(ROOT / "Pulumi.prod.yaml", TODAY)


@pytest.fixture
def strangers(tmp_path: Path) -> Settings:
    path = tmp_path / "Pulumi.strangers.yaml"
    path.write_text(STRANGERS, encoding="utf-8")
    with surroundings(tmp_path / "machine"):
        return load_stack(path, TODAY)


def test_of_the_environments_of_this_repository_the_parents_alone_change(prod: Settings) -> None:
    changed = lab_stack(OWN, "prod", prod)
    assert settings(changed, "extends")[0] == "Pulumi.prod.yaml"
    changed["config"]["chatgpt-mesh:extends"] = OWN["config"]["chatgpt-mesh:extends"]
    assert changed == OWN


def test_gateways_of_any_declaration_get_one_machines_size_and_the_labs_certificates(strangers: Settings) -> None:
    gateways = settings(lab_stack(OWN, "strangers", strangers), "gateways")
    assert gateways.keys() == {"edge"}
    assert gateways["edge"]["listeners"] == {"web": {"tls": {"cert_manager": None}}}
    assert gateways["edge"]["workload"]["replicas"] == {"min": 1, "max": 1}
    assert gateways["edge"]["workload"]["service"] == {"type": "ClusterIP"}


def test_issuers_keep_their_names_and_sign_with_the_labs_keys(strangers: Settings) -> None:
    assert settings(lab_stack(OWN, "strangers", strangers), "apps") == {
        "weather": {
            "auth": {
                "issuers": [
                    {
                        "issuer": "https://login.example.org",
                        "audiences": ["weather"],
                        "jwks_file": "$LAB_STATE/issuer/jwks.json",
                    }
                ]
            }
        }
    }


def test_a_foreign_cluster_gets_istios_own_images_and_its_own_context(prod: Settings) -> None:
    changed = lab_stack(OWN, "prod", prod, context="kind-mesh")
    assert settings(changed, "cluster")["context"] == "kind-mesh"
    assert "images" not in settings(changed, "istio")
    assert "environment" not in settings(changed, "istio")["control_plane"]


def test_the_checkouts_file_is_not_changed(prod: Settings) -> None:
    before = yaml.safe_dump(OWN)
    lab_stack(OWN, "prod", prod, context="kind-mesh")
    assert yaml.safe_dump(OWN) == before


def test_every_environment_but_the_lab_itself_can_be_run() -> None:
    assert available_stacks() == ["prod", "staging"]


def test_an_unknown_stack_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WrongUseError, match=r"There is no stack prd.*There are: prod, staging\."):
        require_stack("prd")


def test_a_first_deploy_is_one_of_which_the_state_has_no_object(tmp_path: Path) -> None:
    """Such a deploy writes its state at its end alone, and takes over what one that was killed has left."""
    assert knows_nothing(tmp_path)
    states = tmp_path / ".pulumi" / "stacks" / "chatgpt-mesh"
    states.mkdir(parents=True)
    other = {"checkpoint": {"latest": {"resources": [{"urn": "of another stack"}]}}}
    (states / "team.json").write_text(json.dumps(other), encoding="utf-8")
    for latest in (None, {}, {"resources": None}, {"resources": []}):
        (states / f"{STACK}.json").write_text(json.dumps({"checkpoint": {"latest": latest}}), encoding="utf-8")
        assert knows_nothing(tmp_path)
    (states / f"{STACK}.json").write_text(json.dumps(other), encoding="utf-8")
    assert not knows_nothing(tmp_path)


class Tools:
    """A `pulumi` that says with which of these variables each `up` was run, and ends as it is told."""

    istio_charts = cert_manager_chart = Path("charts")

    def __init__(self, directory: Path) -> None:
        self._program, self._said, self._code = directory / "pulumi", directory / "said", directory / "code"
        variables = f"${{{SKIP_CHECKPOINTS}-}},${{{TAKE_OVER}-}}"
        self._program.write_text(
            f'#!/bin/sh\n[ "$1" = up ] || exit 0\necho "{variables}" >> {self._said}\nexit $(cat {self._code})\n'
        )
        self._program.chmod(0o755)

    def path(self, _: str) -> Path:
        return self._program

    def ups(self, stack: Stack, code: int) -> list[str]:
        """What was said of each `up` that `python -m lab up` makes of this."""
        self._said.write_text("")
        self._code.write_text(str(code))
        with contextlib.nullcontext() if code == 0 else pytest.raises(LabError):
            stack.up()
        return self._said.read_text().split()


def test_only_a_first_deploy_writes_its_state_once_and_only_after_a_killed_one_objects_are_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LAB_KUBECONFIG", SKIP_CHECKPOINTS, TAKE_OVER):
        monkeypatch.delenv(name, raising=False)
    state, tools = State(tmp_path / "state"), Tools(tmp_path)
    stack = Stack(state, cast("Toolchain", tools), "staging")
    assert tools.ups(stack, 0) == ["true,"]
    assert tools.ups(stack, 9) == ["true,"]
    assert tools.ups(stack, 0) == ["true,true", ","], "the second, since the provider remembers that it was told to"
    assert tools.ups(stack, 0) == ["true,"]
    written = state.pulumi_backend / ".pulumi" / "stacks" / "chatgpt-mesh" / f"{STACK}.json"
    written.parent.mkdir(parents=True)
    written.write_text(json.dumps({"checkpoint": {"latest": {"resources": [{}]}}}), encoding="utf-8")
    assert tools.ups(stack, 0) == [","]
    written.unlink()
    monkeypatch.setenv("LAB_KUBECONFIG", str(tmp_path / "kubeconfig"))
    state.config.mkdir()
    (tmp_path / "kubeconfig").write_text("current-context: somebodys\n")
    assert tools.ups(stack, 0) == [","], "somebody else's cluster"
