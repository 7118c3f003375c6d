"""What Envoy itself says about the texts that Istio hands on to it unread. No cluster is needed; seconds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, seed
from hypothesis import settings as hypothesis_settings

from lab.images import envoy_program
from tests.lab.envoy_values import Static
from tests.surroundings import STACKS, surroundings
from tests.unit.golden import product
from tests.unit.mesh.keys import ED25519, P256, RSA, UNREADABLE
from tests.unit.random_stacks import TAKES_LONG, stacks


def validated(static: Static, directory: Path) -> subprocess.CompletedProcess[str]:
    path = directory / "bootstrap.json"
    path.write_text(json.dumps(static.bootstrap()), encoding="utf-8")
    command = [str(envoy_program()), "--mode", "validate", "--disable-hot-restart", "--log-level", "error"]
    return subprocess.run(
        [*command, "--config-path", str(path)], capture_output=True, text=True, check=False, timeout=120
    )


def take_in(static: Static, built: product.Built) -> None:
    static.add([made.manifest for made in built.objects], built.mesh_config)


@pytest.mark.parametrize("stack", STACKS)
def test_envoy_takes_every_text_of_a_stack(stack: str, tmp_path: Path) -> None:
    static = Static()
    with surroundings(tmp_path / "machine"):
        take_in(static, product.of_stack(stack))
    done = validated(static, tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_envoy_takes_every_text_of_stacks_that_nobody_wrote(tmp_path: Path) -> None:
    static = Static()

    @seed(1)
    @hypothesis_settings(
        max_examples=150, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=TAKES_LONG
    )
    @given(stacks())
    def drawn(stack: dict[str, Any]) -> None:
        take_in(static, product.of_values(stack))

    with surroundings(tmp_path / "machine"):
        drawn()
    drawn_of_each = {name: len(value) for name, value in vars(static).items()}
    assert drawn_of_each["routes"] > 500
    assert all(drawn_of_each[name] for name in drawn_of_each.keys() - {"tcp_proxies"}), drawn_of_each
    done = validated(static, tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def virtual_service(**http: Any) -> dict[str, Any]:
    return {"kind": "VirtualService", "spec": {"http": [{"route": [], **http}]}}


def telemetry(**spec: Any) -> dict[str, Any]:
    return {"kind": "Telemetry", "spec": spec}


@pytest.mark.parametrize(
    "wrong",
    [
        virtual_service(headers={"response": {"set": {"x": "%NO_SUCH_FORMATTER%"}}}),
        virtual_service(headers={"request": {"add": {"x": "100%"}}}),
        virtual_service(route=[{"headers": {"request": {"set": {"x": "%REQ(%"}}}}]),
        virtual_service(match=[{"uri": {"regex": "("}}]),
        virtual_service(match=[{"headers": {"@request.auth.claims[sub]": {"regex": "a**"}}}]),
        virtual_service(match=[{"withoutHeaders": {"cookie": {"regex": "["}}}]),
        virtual_service(corsPolicy={"allowOrigins": [{"regex": "(?!x)"}]}),
        telemetry(accessLogging=[{"filter": {"expression": "response.code >="}}]),
        telemetry(metrics=[{"overrides": [{"tagOverrides": {"tag": {"value": "a ? b"}}}]}]),
        telemetry(tracing=[{"customTags": {"tag": {"formatter": {"value": "%REQ(%"}}}}]),
        {"kind": "TrafficExtension", "spec": {"lua": {"inlineCode": "function envoy_on_request("}}},
    ],
    ids=json.dumps,
)
def test_envoy_names_what_is_wrong(wrong: dict[str, Any], tmp_path: Path) -> None:
    """Otherwise the tests above would pass on anything."""
    static = Static()
    static.add([wrong], {})
    assert validated(static, tmp_path).returncode != 0


def authentication(*keys: dict[str, str]) -> dict[str, Any]:
    rule = {"issuer": "https://auth.example.com", "jwks": json.dumps({"keys": keys})}
    return {"kind": "RequestAuthentication", "spec": {"jwtRules": [rule]}}


@pytest.mark.parametrize("key", [RSA, P256, ED25519], ids=lambda key: key["kty"])
def test_envoy_takes_the_keys_that_a_stack_may_have(key: dict[str, str], tmp_path: Path) -> None:
    static = Static()
    static.add([authentication(key)], {})
    assert validated(static, tmp_path).returncode == 0


@pytest.mark.parametrize("name", UNREADABLE)
def test_envoy_refuses_a_listener_for_keys_that_a_stack_may_not_have(name: str, tmp_path: Path) -> None:
    static = Static()
    static.add([authentication(*UNREADABLE[name])], {})
    assert "has invalid local jwks" in validated(static, tmp_path).stderr


def test_envoy_names_a_wrong_format_of_the_access_log(tmp_path: Path) -> None:
    static = Static()
    static.add([], {"extensionProviders": [{"envoyFileAccessLog": {"logFormat": {"labels": {"x": "%REQ(%"}}}}]})
    assert validated(static, tmp_path).returncode != 0
