"""Two tags of the standard metrics: why a gateway refused a request, and which declared tool was called."""

from __future__ import annotations

import pytest

from chatgpt_mesh.mesh.objects import mcp_tags, telemetry
from tests.unit.mesh.declared import by_key, graph, mistakes
from tests.unit.mesh.stack import mesh
from tests.unit.mesh.test_telemetry import MESH, evaluate, objects, problems


class TestRefusals:
    """Why a gateway refused, by status and by the name of the route that did."""

    def refusal(self, code: int | None, route: str | None) -> str:
        value = objects("{metrics: {refusals: true}}")[MESH]["metrics"][0]["overrides"][0]
        assert value["match"] == {"metric": "REQUEST_COUNT"}
        response = {} if code is None else {"code": code}
        xds = {} if route is None else {"route_name": route}
        return evaluate(value["tagOverrides"]["refusal"]["value"], response=response, xds=xds)

    @pytest.mark.parametrize(
        ("code", "route", "why"),
        [
            (200, "weather.mcp", "none"),
            (None, None, "none"),
            (401, "weather.mcp.no-token", "no_token"),
            (401, "weather.mcp.invalid-token", "wrong_token"),
            (401, None, "token_not_verified"),
            (401, "weather.mcp", "token_not_verified"),
            (403, "weather.mcp.scope", "missing_scope"),
            (403, "weather.mcp.tool", "missing_scope"),
            (403, "weather.mcp.tool-12", "missing_scope"),
            (403, "weather.mcp.older-protocol", "missing_scope"),
            (403, "weather.mcp", "policy"),
            (403, None, "policy"),
            (413, "weather.too-large", "too_large"),
            (429, "weather.mcp", "limit"),
            (404, None, "other"),
            (503, "weather.mcp", "other"),
        ],
    )
    def test_each_reason_has_a_name(self, code: int | None, route: str | None, why: str) -> None:
        assert self.refusal(code, route) == why
        assert why in mcp_tags.REFUSALS

    def test_the_routes_that_ask_for_a_token_or_a_scope_are_those_that_are_known_here(self) -> None:
        """The names are given elsewhere: one that changes there is counted under another reason here."""
        tools = "{execute_sql: {scope: chatgpt.tools.execute}}"
        issuers = "[{issuer: https://a.example, jwks_uri: https://k.example}]"
        auth = f"auth: {{issuers: {issuers}, scopes: [s], tools: {tools}}}"
        for how in (auth, auth.replace("auth: {", "auth: {tools_from: header, ")):
            names = {
                route["name"]: route["directResponse"]["status"]
                for key, spec in by_key(mesh(f"{{{how}}}").objects).items()
                if key == "VirtualService/chatgpt-production/chatgpt-mcp"
                for route in spec["http"]
                if route.get("directResponse", {}).get("status") in (401, 403)
            }
            found = {name: self.refusal(status, name) for name, status in names.items()}
            assert {"no_token", "wrong_token", "missing_scope"} <= set(found.values())
            unnamed = {name for name, why in found.items() if why == "policy"}
            assert unnamed <= {"chatgpt-mcp.mcp.unnamed-call"}, "a call that says nothing plainly is refused by policy"


class TestTools:
    """The tool that is called, among those that the declaration names."""

    APPS = """
chatgpt-mcp:
  namespace: chatgpt-production
  host: chatgpt-mcp.example.com
  gateway: public
  service: {port: 8080}
  mcp: {}
  auth:
    issuers: [{issuer: "https://a.example", jwks_uri: https://k.example}]
    tools: {execute_sql: {scope: s}, forecast: {scope: s}}
"""

    def tool(self, headers: dict[str, str], call: str | None = None) -> str:
        made = by_key(telemetry.objects(graph(apps=self.APPS, telemetry="{metrics: {tools: true}}")))
        overrides = made[MESH]["metrics"][0]["overrides"]
        assert [one["match"]["metric"] for one in overrides] == ["REQUEST_COUNT", "REQUEST_DURATION"]
        read = {} if call is None else {"mcp.call": {"call": call}}
        expression = overrides[0]["tagOverrides"]["mcp_tool"]["value"]
        return evaluate(expression, request={"headers": headers}, metadata={"filter_metadata": read})

    @pytest.mark.parametrize(
        ("headers", "call", "name"),
        [
            ({"mcp-name": "forecast"}, None, "forecast"),
            ({"mcp-name": "whatever a client writes"}, None, "other"),
            ({}, "tools/call execute_sql", "execute_sql"),
            ({}, "tools/call another", "other"),
            ({}, "initialize", "other"),
            ({}, None, "none"),
        ],
    )
    def test_no_client_adds_a_value(self, headers: dict[str, str], call: str | None, name: str) -> None:
        assert self.tool(headers, call) == name

    def test_more_tools_than_values_are_refused(self) -> None:
        tools = ", ".join(f"t{number}: {{scope: s}}" for number in range(51))
        apps = self.APPS.replace("{execute_sql: {scope: s}, forecast: {scope: s}}", f"{{{tools}}}")
        (said,) = mistakes(apps=apps, telemetry="{metrics: {tools: true}}")
        assert said.startswith("telemetry.metrics.tools: would count 51 tools that apps name")

    @pytest.mark.parametrize(("name", "setting"), [("refusal", "refusals"), ("mcp_tool", "tools")])
    def test_their_names_are_taken(self, name: str, setting: str) -> None:
        (said,) = problems(f"{{metrics: {{tags: {{{name}: {{response_class: true}}}}}}}}")
        assert f"is the name of what telemetry.metrics.{setting} gives" in said
