"""A session stays with the version where it began, behind whatever led to it; faults stay in the mesh.

That it stays with the pod is shown in the lab: only a proxy knows pods.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.objects.sessions import NOT_FOUND
from chatgpt_mesh.stack.settings import Settings
from meshlint.reachability.request import INTERNET, Answer, Request, Token
from meshlint.reachability.routing import takes
from tests.unit.mesh.stack import manifest, mesh, mistakes, predicted, routes, seen

GOOD = Token({"iss": "https://auth.example.com", "sub": "u", "aud": "https://chatgpt-mcp.example.com/mcp"})
INSIDER = replace(GOOD, claims={**GOOD.claims, "org": "acme"})
MESH = "VirtualService/chatgpt-production/chatgpt-mcp-mesh"
GATEWAY_SCRIPT = "TrafficExtension/istio-ingress/public-sessions"
POD = "10.4.0.7:8080"
VERSIONS = "versions: {v1: {}, v2: {}}"


def app(rollout: str, versions: str = VERSIONS) -> Mesh:
    return mesh(f"{{{versions}, rollout: {{stable: v1{', ' if rollout else ''}{rollout}}}}}")


def sent(session: str, pin: str) -> dict[str, str]:
    return {"mcp-session-id": session, **({"x-canary": pin} if pin else {})}


def going_on(built: Mesh, session: str, token: Token | None = GOOD, pin: str = "") -> Answer:
    return predicted(built, "/mcp", token=token, **sent(session, pin))


def of(version: str) -> str:
    return f"abc~{version}~{POD}"


def leads_to(built: Mesh, session: str, token: Token | None = GOOD, pin: str = "") -> str | int:
    """The version whose route takes the session, or the status of the proxy's own answer."""
    answer = going_on(built, session, token, pin)
    if answer.status != 200:
        return answer.status
    # What the gateway has written of the token's end.
    headers = {**sent(session, pin), "x-mcp-exp": "1800000000"}
    request = Request(INTERNET, "chatgpt-mcp.example.com", "/mcp", "POST", token=token, headers=headers)
    [host] = [one for one in seen(built).virtual_services if one.obj.name == "chatgpt-mcp"]
    taken = next(route for route in host.http if takes(route, request, token))
    return str(taken.raw["name"]).partition("session-")[2]


class TestAtAVersion:
    CANARY = "canary: {version: v2, percent: 5}"

    def test_goes_on_where_it_began_whatever_the_weights_say(self):
        built = app(self.CANARY)
        assert leads_to(built, of("v1")) == "v1"
        assert leads_to(built, of("v2")) == "v2"

    def test_begins_by_weight(self):
        route = routes(app(self.CANARY))["mcp"]
        assert {part["destination"]["subset"]: part["weight"] for part in route["route"]} == {"v1": 95, "v2": 5}
        assert "mcp-session-id" not in str(route["match"])

    @pytest.mark.parametrize("session", ["abc", "abc~v3~10.4.0.7:8080", "~v1~10.4.0.7:8080", "abc~v1~", "abc~v1", ""])
    def test_with_an_id_that_names_no_version_of_the_declaration_is_404(self, session: str):
        assert leads_to(app(self.CANARY), session) == 404

    def test_is_no_way_around_the_token(self):
        elsewhere = replace(GOOD, claims={**GOOD.claims, "aud": "x"})
        assert leads_to(app(self.CANARY), of("v1"), None) == leads_to(app(self.CANARY), of("v3"), elsewhere) == 401

    def test_is_never_tried_at_another_pod(self):
        route = routes(app(self.CANARY))["mcp.session-v1"]
        assert route["retries"] == {"attempts": 0}

    def test_without_versions_stays_with_its_pod(self):
        built = mesh()
        assert leads_to(built, of("")) == "any"
        assert leads_to(built, "abc") == 404

    def test_404_can_be_read_by_a_page_of_a_listed_origin(self):
        built = mesh('{cors: {origins: ["https://chatgpt.com"]}}')
        found = manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        first, second = (route for route in found if route["name"] == "chatgpt-mcp.mcp.no-session")
        assert first["headers"]["response"]["set"]["access-control-allow-origin"] == "%REQ(ORIGIN)%"
        assert "access-control-allow-origin" not in second["headers"]["response"]["set"]

    @pytest.mark.parametrize("mcp", ["{stateless: true}", "{era: modern}"])
    def test_is_nothing_that_such_a_server_knows(self, mcp: str):
        built = mesh(f"{{mcp: {mcp}}}")
        assert not [name for name in routes(built) if "session" in name]
        assert "x-mcp-session-at" not in str(routes(built))
        assert not [owned for owned in built.objects if owned.resource.kind == "TrafficExtension"]


class TestBehind:
    """A forged id reaches no version that its sender could not begin a session of."""

    PIN = "canary: {version: v2, percent: 0, pin: {header: x-canary, allowed: anyone}}"

    def test_a_pin(self):
        assert leads_to(app(self.PIN), of("v2")) == 404
        assert leads_to(app(self.PIN), of("v2"), pin="true") == "v2"
        assert leads_to(app(self.PIN), of("v1"), pin="true") == "v1", "the session was there before"

    def test_a_pin_that_only_callers_in_the_mesh_have(self):
        built = app(self.PIN.replace("anyone", "callers"))
        assert leads_to(built, of("v2"), pin="true") == 404

    def test_a_claim(self):
        built = app("experiments: {partners: {version: v2, percent: 50, claim: {name: org, values: [acme]}}}")
        assert leads_to(built, of("v2")) == 404
        assert leads_to(built, of("v2"), INSIDER) == "v2"
        assert leads_to(built, of("v1"), INSIDER) == "v1"

    def test_a_pin_and_a_share_it_is_open_to_all(self):
        assert leads_to(app(self.PIN.replace("percent: 0", "percent: 1")), of("v2")) == "v2"

    def test_another_gateway(self):
        rollout = "experiments: {inside: {version: v2, gateway: internal}}"
        further = "further_hosts: [{host: inside.example.org, gateway: internal}]"
        built = mesh(f"{{{VERSIONS}, {further}, rollout: {{stable: v1, {rollout}}}}}")
        assert leads_to(built, of("v2")) == 404
        inside = routes(built, "VirtualService/chatgpt-production/chatgpt-mcp-inside-example-org")
        assert "mcp.session-v2" in inside


class TestOfAVersionWithoutAShare:
    DONE, BACK = "canary: {version: v2, percent: 100}", "canary: {version: v2, percent: 0}"

    def test_goes_on_at_the_old_stable_version_and_ends_at_a_canary_that_went_back(self):
        assert leads_to(app(self.DONE), of("v1")) == "v1"
        assert leads_to(app(self.BACK), of("v2")) == 404

    def test_ends_or_goes_on_as_declared(self):
        ends = app(self.DONE, "versions: {v1: {open_sessions: end}, v2: {}}")
        keeps = app(self.BACK, "versions: {v1: {}, v2: {open_sessions: keep}}")
        assert (leads_to(ends, of("v1")), leads_to(keeps, of("v2"))) == (404, "v2")

    def test_is_said_in_the_preview(self):
        [kept], [ended] = app(self.DONE).warnings, app(self.BACK).warnings
        assert str(kept) == (
            "apps.chatgpt-mcp.versions.v1: begins no MCP sessions any more, and those that are open go on until it is "
            "removed from versions"
        )
        assert str(ended).startswith("apps.chatgpt-mcp.versions.v2: begins no MCP sessions for everybody")
        assert not app("canary: {version: v2, percent: 50}").warnings

    def test_kept_until_a_day_the_program_warns_of_it_and_stops_after_it(self):
        def said(until: str, what: str = "keep") -> tuple[list[str], list[str]]:
            kept = f'versions: {{v1: {{}}, v2: {{open_sessions: {what}, open_sessions_until: "{until}"}}}}'
            declared = f"{{{kept}, rollout: {{stable: v1, {self.BACK}}}}}"
            wrong = mistakes(declared)
            return wrong, [] if wrong else [str(warning) for warning in mesh(declared).warnings]

        at = "apps.chatgpt-mcp.versions.v2.open_sessions_until:"
        assert any("go on until the end of 2027-06-30" in warning for warning in said("2027-06-30")[1])
        assert not any(warning.startswith(at) for warning in said("2027-06-30")[1])
        [soon] = [warning for warning in said("2026-12-01")[1] if warning.startswith(at)]
        assert soon.startswith(f"{at} the time for its open sessions ends in 7 days; after that the program stops")
        [passed], [far], [ended] = said("2026-11-23")[0], said("2036-01-01")[0], said("2027-06-30", "end")[0]
        assert passed.startswith(f"{at} has passed; remove the version, or write open_sessions: end")
        assert "is years away" in far
        assert ended == f"{at} is a day for sessions that are kept; write open_sessions: keep, or remove it"

    def test_ends_with_the_version(self):
        gone = mesh("{versions: {v2: {}}, rollout: {stable: v2}}")
        assert leads_to(gone, of("v1")) == 404


class TestInTheMesh:
    FRONT = "{front: {namespace: shop}}"
    CALLED = f"{{{VERSIONS}, rollout: {{stable: v1, canary: {{version: v2}}}}, callers: [{{app: front}}]}}"

    def test_stays_as_it_does_at_a_gateway(self):
        built = mesh(self.CALLED, self.FRONT)
        first, second, last, *_ = manifest(built, MESH)["http"]
        assert [first["route"][0]["destination"]["subset"], second["route"][0]["destination"]["subset"]] == ["v1", "v2"]
        assert last["directResponse"]["status"] == 404
        assert {match["sourceNamespace"] for route in (first, second, last) for match in route["match"]} == {"shop"}

    def test_is_kept_by_the_sidecars_of_its_callers_and_no_others(self):
        built = mesh(self.CALLED, self.FRONT.replace("}}", "}, other: {namespace: shop}}"))
        [script] = [o.resource for o in built.objects if o.resource.key.startswith("TrafficExtension/shop/")]
        assert manifest(built, script.key)["selector"] == {"matchLabels": {"app": "front"}}
        assert manifest(built, script.key)["match"] == [{"mode": "CLIENT"}]

    def test_is_not_kept_where_nobody_calls(self):
        assert "session" not in str(manifest(mesh(), MESH))


class TestByAController:
    def test_argo_rollouts_moves_pods_between_subsets_so_the_pod_alone_decides(self):
        built = app("managed_by: argo-rollouts, canary: {version: v2}")
        route = routes(built)["mcp.session-any"]
        assert route["route"] == [
            {"destination": {"host": "chatgpt-mcp.chatgpt-production.svc.cluster.local", "port": {"number": 8080}}}
        ]

    def test_flagger_keeps_none_and_the_preview_says_so(self):
        built = app("managed_by: flagger")
        assert any("its routes keep no MCP sessions" in str(warning) for warning in built.warnings)
        silent = mesh(f"{{mcp: {{stateless: true}}, {VERSIONS}, rollout: {{stable: v1, managed_by: flagger}}}}")
        assert not any("sessions" in str(warning) for warning in silent.warnings)


class TestTheScript:
    def test_is_at_a_gateway_once_for_all_its_apps(self):
        other = """{second: {namespace: other, host: second.example.com, gateway: public, service: {port: 1}, mcp: {},
                    open: true}}"""
        built = mesh(others=other)
        assert manifest(built, GATEWAY_SCRIPT)["selector"] == {"matchLabels": {"istio": "ingressgateway"}}
        scripts = [o.resource.key for o in built.objects if o.resource.kind == "TrafficExtension"]
        assert scripts == [GATEWAY_SCRIPT]

    def test_comes_behind_what_reads_the_body_since_that_decides_the_route(self):
        built = mesh("{auth: {tools_from: body, tools: {execute_sql: {scope: run}}}}")
        reader = manifest(built, "TrafficExtension/istio-ingress/public-calls")
        assert reader["priority"] > manifest(built, GATEWAY_SCRIPT)["priority"]

    def test_says_what_the_routes_say(self):
        assert NOT_FOUND in manifest(mesh(), GATEWAY_SCRIPT)["lua"]["inlineCode"]

    def test_is_there_before_the_routes_that_need_it(self):
        needed = mesh().routes_need["VirtualService/chatgpt-production/chatgpt-mcp"]
        assert GATEWAY_SCRIPT in needed


def test_what_kept_sessions_before_is_told_what_to_write():
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"apps": {"chatgpt-mcp": {"mcp": {"sessions": "envelope"}}}})
    assert "write `stateless: true` for a server that keeps none" in str(raised.value)


def test_faults_are_for_callers_in_the_mesh_and_never_for_a_gateway():
    built = mesh("{faults: [{value: slow, delay: 5s}, {value: broken, abort: 503, percent: 50}]}", faults_allowed=True)
    inside = routes(built, MESH)
    assert inside["fault-0"]["fault"]["delay"] == {"fixedDelay": "5s", "percentage": {"value": 100}}
    assert inside["fault-1"]["fault"]["abort"] == {"httpStatus": 503, "percentage": {"value": 50}}
    assert "fault" not in str(manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp"))
