"""Stacks that a stranger writes first, each about fifteen lines for a cluster on GKE: previewed, and up in the lab.

Among the last tests, because each replaces what runs.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatgpt_mesh.stack.settings import load_stack
from lab.first_requests import accepted_token
from lab.state import CHECKOUT
from lab.workloads.request import Reply
from tests.lab.bring_up import MESH
from tests.lab.running_lab import RunningLab
from tests.lab.test_preview import ISOLATED, copied

pytestmark = pytest.mark.skipif("LAB_KUBECONFIG" in os.environ, reason="the clusters of these stacks are made up")

GKE = """\
config:
  chatgpt-mesh:project: acme-tools
  chatgpt-mesh:network:
    {region: europe-west1, zones: [europe-west1-b, europe-west1-c, europe-west1-d], nodes: 10.0.0.0/20,
     pods: 10.4.0.0/14, services: 10.8.0.0/20, control_plane: 10.8.16.0/28}
  chatgpt-mesh:cluster: {kind: gke, name: tools, pools: {mesh: {machine_type: e2-standard-4, nodes: {min: 1, max: 3}}}}
  chatgpt-mesh:istio: {version: "1.31.4"}
  chatgpt-mesh:gateways:
    public: {kind: public, listeners: {web: {hosts: ["*.acme.example"], tls: {secret: acme-tls}}}}
  chatgpt-mesh:apps:
"""
WEATHER = f"""{GKE}\
    weather:
      {{namespace: weather, host: weather.acme.example, gateway: public, service: {{port: 80, target_port: 3000}},
       mcp: {{}},
       auth: {{issuers: [{{issuer: "https://login.acme.example", jwks_uri: "https://login.acme.example/keys"}}],
              scopes: [weather.read]}}}}
"""
"""An MCP app: port 80 of the Service, 3000 of the container, and a scope."""
ORDERS = f"""{GKE}\
    orders:
      {{namespace: orders, host: orders.acme.example, gateway: public, service: {{port: 8080}},
       routes: [{{prefix: /v1/, methods: [GET, POST]}}],
       auth: {{issuers: [{{issuer: "https://login.acme.example", jwks_uri: "https://login.acme.example/keys",
                         audiences: [orders-api]}}]}}}}
"""
"""A REST API with tokens, and no MCP app in sight."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, lab: RunningLab) -> Iterator[Path]:
    """A clone with the two files in it; at the end the lab runs again what it ran before."""
    checkout = copied(tmp_path_factory.mktemp("stranger") / "checkout")
    (checkout / "Pulumi.weather.yaml").write_text(WEATHER, encoding="utf-8")
    (checkout / "Pulumi.orders.yaml").write_text(ORDERS, encoding="utf-8")
    yield checkout
    assert lab_command(CHECKOUT, "up", "--mesh", MESH).returncode == 0


def lab_command(checkout: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "lab", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.mark.parametrize("name", ["weather", "orders"])
def test_the_preview_is_clean(checkout: Path, name: str) -> None:
    done = lab_command(checkout, "preview", name, before=ISOLATED)
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"\+ \d+ to create", done.stdout)
    said = [line for line in done.stdout.splitlines() if re.search(r"\b(warning|error):", line)]
    # The engine says of each plugin that it takes it from PATH; nothing else may be worth a word.
    assert not [line for line in said if "warning: using pulumi-" not in line], done.stdout[-4000:]


def deployed(lab: RunningLab, checkout: Path, name: str) -> tuple[RunningLab, str]:
    """The lab as the stack's own, and what `up` said."""
    done = lab_command(checkout, "up", "--mesh", name)
    assert done.returncode == 0, done.stdout[-6000:]
    file = lab.state.config / f"Pulumi.lab-{name}.yaml"
    with contextlib.chdir(checkout):
        return RunningLab(lab.state, lab.kubeconfig, file, load_stack(file)), done.stdout


def asked(lab: RunningLab, url: str, token: str | None, method: str = "GET") -> Reply:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return lab.public.send(url, headers=headers, method=method)


def test_an_mcp_app_on_port_80_with_a_scope_comes_up(lab: RunningLab, checkout: Path) -> None:
    lab, said = deployed(lab, checkout, "weather")
    assert "The official MCP client through the gateway (https://weather.acme.example/mcp" in said
    assert len(re.findall(r"^tools/call whoami +200 ", said, re.MULTILINE)) >= 2, said
    url = "https://weather.acme.example/mcp"
    app = lab.stack.apps["weather"]
    without = asked(lab, url, None, "POST")
    assert without.status == 401
    assert 'resource_metadata="https://weather.acme.example/.well-known/' in without.header("www-authenticate")
    unscoped = app.model_copy(update={"auth": app.auth and app.auth.model_copy(update={"scopes": ()})})
    assert asked(lab, url, accepted_token(unscoped, lab.keys), "POST").status == 403


def test_a_rest_api_with_tokens_and_no_mcp_app_comes_up(lab: RunningLab, checkout: Path) -> None:
    lab, said = deployed(lab, checkout, "orders")
    assert re.search(r"^GET https://orders\.acme\.example/v1/ at [\d.]+, with a token: 200$", said, re.MULTILINE), said
    token = accepted_token(lab.stack.apps["orders"], lab.keys)
    for method, path, sent, expected in (
        ("POST", "/v1/orders", token, 200),
        ("GET", "/v1/orders", None, 401),
        ("DELETE", "/v1/orders", token, 405),
        ("GET", "/admin", token, 404),
    ):
        assert asked(lab, f"https://orders.acme.example{path}", sent, method).status == expected, (method, path)
