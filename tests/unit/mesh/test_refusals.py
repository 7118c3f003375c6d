"""What a gateway says when it refuses: clients show the body, and an empty one says nothing."""

from __future__ import annotations

import json

import pytest

from tests.unit.mesh.stack import manifest, mesh


class TestBodies:
    """Clients show what an answer says, and nothing says nothing."""

    APP = """{auth: {scopes: [use], claims: {role: [user]}, tools_from: WHERE, tools: {sql: {scope: run}}},
              mcp: {era: modern}, cors: {origins: ["https://chatgpt.com"]}}"""

    @pytest.mark.parametrize("where", ["header", "body"])
    def test_every_refusal_is_an_error_of_json_rpc(self, where: str):
        http = manifest(mesh(self.APP.replace("WHERE", where)), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        refused = [route for route in http if route.get("directResponse", {}).get("status") in (400, 401, 403, 404)]
        assert len(refused) >= 9
        for route in refused:
            if route["name"].endswith(".invalid-token"):
                continue
            said = json.loads(route["directResponse"]["body"]["string"])
            assert said["jsonrpc"] == "2.0"
            assert said["id"] is None
            assert len(said["error"]["message"]) > 10, route["name"]
            assert route["headers"]["response"]["set"]["content-type"] == "application/json"

    def test_what_the_proxy_says_about_a_token_becomes_one(self):
        built = mesh(self.APP.replace("WHERE", "body"))
        [patch] = [
            patch["patch"]["value"]["typed_config"]
            for patch in manifest(built, "EnvoyFilter/istio-ingress/public-http")["configPatches"]
            if "local_reply_config" in str(patch)
        ]
        mappers = patch["local_reply_config"]["mappers"]
        assert len(mappers) == 2
        for mapper in mappers:
            said = mapper["body_format_override"]["json_format"]
            assert said["error"] == {"code": -32001, "message": "%LOCAL_REPLY_BODY%"}
            assert None not in said.values(), "the API server drops what is null"
