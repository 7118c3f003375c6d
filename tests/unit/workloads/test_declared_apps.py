"""Servers for the apps of any declaration: the declared ports, labels and names."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from lab.workloads import declared_apps

APPS = """
weather:
  namespace: weather
  host: weather.example.org
  gateway: edge
  service: {name: weather-svc, port: 80, target_port: 3000}
  service_account: weather-bot
  mcp: {path: /tools/mcp}
  versions: {v1: {}, v2: {labels: {track: next}}}
orders:
  namespace: shop
  service: {port: 80}
  labels: {component: orders}
caller: {namespace: shop}
"""


@pytest.fixture(scope="module")
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    apps = MeshSpec.model_validate({"apps": yaml.safe_load(APPS)}).apps
    found = declared_apps.workloads(apps.values(), image="image", digest="abc")
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    return deployment["spec"]["template"]["spec"]["containers"][0]


def variables(deployment: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container(deployment)["env"]}


def test_each_app_has_its_identity(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert {name for kind, name in objects if kind == "ServiceAccount"} == {"weather-bot", "orders", "caller"}
    pod = objects["Deployment", "weather-v1"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "weather-bot"


def test_an_mcp_app_is_served_by_an_mcp_server_at_its_path_and_port(objects: dict[tuple[str, str], dict[str, Any]]):
    deployment = objects["Deployment", "weather-v1"]
    assert container(deployment)["args"] == ["-m", "lab.workloads.mcp_server"]
    assert variables(deployment)["MCP_PATH"] == "/tools/mcp"
    assert variables(deployment)["APP_PORT"] == "3000"
    assert objects["Service", "weather-svc"]["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 3000}]


def test_each_version_carries_its_labels_beside_the_apps(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    labels = objects["Deployment", "weather-v2"]["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= {"app": "weather", "track": "next"}.items()
    assert objects["Service", "weather-svc"]["spec"]["selector"] == {"app": "weather"}


def test_another_app_echoes_and_may_listen_on_a_port_of_roots(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    deployment = objects["Deployment", "orders"]
    assert container(deployment)["args"] == ["-m", "lab.workloads.echo_server"]
    security = deployment["spec"]["template"]["spec"]["securityContext"]
    assert security["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    assert objects["Service", "orders"]["spec"]["selector"] == {"component": "orders"}


def test_an_idle_connection_is_kept_as_long_as_was_declared() -> None:
    service = {"name": "web", "port": 80}
    for declared, seconds in (({}, "5"), ({"keep_alive_timeout": "1.5s"}, "2"), ({"keep_alive_timeout": None}, "1e8")):
        app = MeshSpec.model_validate({"apps": {"web": {"namespace": "web", "service": {**service, **declared}}}}).apps
        found = list(declared_apps.workloads(app.values(), image="image", digest="abc"))
        assert float(variables(found[-1])["APP_KEEP_ALIVE"]) == float(seconds)


def test_versions_of_an_app_with_the_longest_name_are_told_apart() -> None:
    longest = "a" * 63
    declared = {longest: {"namespace": "web", "service": {"port": 80}, "versions": {"v1": {}, "v2": {}}}}
    apps = MeshSpec.model_validate({"apps": declared}).apps
    found = [one for one in declared_apps.workloads(apps.values(), image="", digest="") if one["kind"] == "Deployment"]
    names = {one["metadata"]["name"] for one in found}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)


def test_an_app_without_a_service_only_calls(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert container(objects["Deployment", "caller"])["args"] == ["-m", "lab.workloads.caller"]
    assert ("Service", "caller") not in objects
