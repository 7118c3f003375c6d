"""Pulumi's engine makes, changes and destroys an app of the package on a real API server with Istio's definitions.

By its token alone: a program needs no SDK.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.toolchain import Toolchain
from tests.surroundings import KEY_SET, ROOT

if TYPE_CHECKING:
    from tests.lab.plugins.conftest import ApiServer, Project

pytestmark = pytest.mark.lab

PROGRAM = """
    class App(pulumi.ComponentResource):
        def __init__(self, name, inputs, opts):
            super().__init__("chatgpt-mesh:index:App", name, {{**inputs, "mcpUrl": None}}, opts, remote=True)

    provider = k8s.Provider("cluster", cluster_identifier="test", enable_server_side_apply=True)
    key = pulumi.Output.secret("canary-4711")
    app = App("weather", {{
        "namespace": "weather",
        "host": "weather.example.com",
        "gateway": "public",
        "service": {{"port": 8080}},
        "mcp": {{"path": "/mcp"}},
        "versions": {{"v1": {{}}, "v2": {{}}}},
        "rollout": {{"stable": "v1", "canary": {{"version": "v2", "percent": {percent}}}}},
        "routes": [{{"exact": "/health", "auth": "none", "headers": {{"request": {{"set": {{"x-key": key}}}}}}}}],
        "auth": {{"issuers": [{{"issuer": "https://auth.example.com", "jwks": {keys!r}}}]}},
    }}, pulumi.ResourceOptions(providers=[provider]))
    pulumi.export("mcp_url", app.mcpUrl)
"""
ROUTE = "VirtualService/weather/weather"


def test_an_app_is_made_changed_and_destroyed(api_server: ApiServer, project: Project) -> None:
    definitions = Toolchain().istio_charts / "base" / "files" / "crd-all.gen.yaml"
    api_server.kubectl("apply", "--server-side", "-f", str(definitions))
    for name in ("weather", "istio-ingress"):
        api_server.kubectl("create", "namespace", name)
    (project.directory / "Pulumi.yaml").write_text(
        f"name: plugins\nruntime: python\npackages: {{chatgpt-mesh: {ROOT / 'package'}}}\n", encoding="utf-8"
    )
    made = project.up(PROGRAM.format(percent=5, keys=KEY_SET))
    assert made.changes["create"] > 10
    assert project.outputs() == {"mcp_url": "https://weather.example.com/mcp"}
    live = api_server.get("virtualservice", "weather", "weather")
    assert "canary-4711" in json.dumps(live)
    assert "canary-4711" not in json.dumps(project.state()), "in clear in the state"
    again = project.preview(PROGRAM.format(percent=5, keys=KEY_SET))
    assert again.changes.keys() == {"same"}, again.output
    changed = project.up(PROGRAM.format(percent=20, keys=KEY_SET))
    assert {name for name, step in changed.steps.items() if step == "update"} == {ROUTE, f"{ROUTE}-mesh"}
    weights = {route.get("weight") for http in changed_routes(api_server) for route in http["route"]}
    assert {80, 20} <= weights
    project.destroy()
    assert not api_server.exists("virtualservice", "weather", "weather")


def changed_routes(api_server: ApiServer) -> list[dict[str, list[dict[str, int]]]]:
    spec = api_server.get("virtualservice", "weather", "weather")["spec"]
    return [http for http in spec["http"] if http.get("route")]
