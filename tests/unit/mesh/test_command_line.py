"""`python -m mesh show`: what a stack stands for, each object with its declaration; mistakes as sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.__main__ import main

STACK = """
config:
  chatgpt-mesh:cluster: {kind: existing, context: test, kubeconfig: /nowhere}
  chatgpt-mesh:istio: {version: "RELEASE"}
  chatgpt-mesh:gateways:
    public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}
  chatgpt-mesh:apps:
    weather:
      namespace: weather
      host: weather.example.com
      gateway: public
      service: {port: 8080}
      mcp: {}
      auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example}]}
    frontend: {namespace: weather}
""".replace("RELEASE", RELEASE)

DATABASE = """
  chatgpt-mesh:objects:
    - apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: database, namespace: weather}
      spec:
        selector: {istio: databases}
        servers: [{port: {number: 5432, name: tcp, protocol: TCP}, hosts: ["*"]}]
"""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.test.yaml"
    path.write_text(STACK, encoding="utf-8")
    return path


def test_prints_each_object_below_the_path_of_its_declaration(stack: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", str(stack)]) == 0
    documents = capsys.readouterr().out.split("---\n")
    owner = {yaml.safe_load(d)["metadata"]["name"]: d.splitlines()[0] for d in documents if "kind: VirtualService" in d}
    assert owner == {"weather": "# apps.weather", "weather-mesh": "# apps.weather"}
    assert not any("&id" in document for document in documents), "no YAML anchors"


def test_shows_one_app_alone(stack: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", str(stack), "weather", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {entry["owner"].split(".")[1] for entry in shown} == {"weather"}


def test_says_what_the_program_would_say(stack: Path, capsys: pytest.CaptureFixture[str]):
    stack.write_text(STACK.replace("mcp: {}", "mcp: {}\n      resilience: {pool: {open_streams: 9}}"), encoding="utf-8")
    assert main(["show", str(stack), "--format", "names"]) == 0
    assert "warning: apps.weather.resilience.pool.open_streams: is 9" in capsys.readouterr().err


def test_ends_as_the_program_would(stack: Path, capsys: pytest.CaptureFixture[str]):
    stack.write_text(STACK + DATABASE, encoding="utf-8")
    assert main(["show", str(stack), "--format", "names"]) == 1
    printed = capsys.readouterr()
    assert "error: objects.0: Gateway/weather/database: MCP405" in printed.err
    assert "VirtualService/weather/weather\t" in printed.out


def test_an_unknown_app_is_wrong_use_and_named_with_those_that_exist(stack: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", str(stack), "wether"]) == 2
    assert "weather, frontend" in capsys.readouterr().err


def test_an_unknown_stack_is_wrong_use(capsys: pytest.CaptureFixture[str]):
    assert main(["show", "no-such-stack"]) == 2
    assert "prod" in capsys.readouterr().err


def test_all_mistakes_are_printed_and_no_object(stack: Path, capsys: pytest.CaptureFixture[str]):
    """A misspelt key, a wrong type and a dangling caller give three sentences."""
    text = STACK.replace("mcp: {}", "mcp: {}\n      callers: [{app: nobody}]").replace(
        "service: {port: 8080}", 'service: {port: "8080"}'
    )
    text = text.replace(
        "frontend: {namespace: weather}",
        "frontend: {namespace: weather, callers: [{app: nobody}]}\n    third: {namespce: weather}",
    )
    stack.write_text(text, encoding="utf-8")
    assert main(["show", str(stack)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    for path in ("apps.weather.service.port", "apps.third.namespce", "apps.frontend.callers[0].app"):
        assert path in printed.err
