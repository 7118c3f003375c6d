"""Sessions of the legacy era stay with the replica that minted them; faults stay in the mesh."""

from __future__ import annotations

from tests.unit.mesh.stack import manifest, mesh, routes

KEPT = "{mcp: {sessions: envelope}}"


def test_the_envelope_is_on_the_mcp_route_alone():
    built = mesh("{mcp: {sessions: envelope}, routes: [{exact: /health}]}")
    patches = manifest(built, "EnvoyFilter/istio-ingress/chatgpt-mcp-sessions")["configPatches"]
    assert [p["match"]["routeConfiguration"]["vhost"]["route"]["name"] for p in patches] == ["chatgpt-mcp.mcp"]
    state = patches[0]["patch"]["value"]["typed_per_filter_config"]["envoy.filters.http.stateful_session"]
    assert state["stateful_session"]["session_state"]["typed_config"]["header"] == {"name": "mcp-session-id"}


def test_the_filter_itself_is_switched_off_elsewhere():
    [patch] = manifest(mesh(KEPT), "EnvoyFilter/istio-ingress/public-sessions")["configPatches"]
    assert patch["patch"]["value"]["typed_config"].keys() == {"@type"}


def test_callers_in_the_mesh_get_it_at_their_sidecars():
    built = mesh("{mcp: {sessions: envelope}, callers: [{app: frontend}]}", "{frontend: {namespace: front}}")
    patches = manifest(built, "EnvoyFilter/front/chatgpt-mcp-sessions")["configPatches"]
    assert {p["match"]["context"] for p in patches} == {"SIDECAR_OUTBOUND"}


def test_without_sessions_there_is_no_filter():
    assert not [o for o in mesh().objects if o.resource.key.endswith("-sessions")]
    assert not [
        o for o in mesh("{mcp: {era: modern, sessions: envelope}}").objects if o.resource.key.endswith("-sessions")
    ]


def test_faults_are_for_callers_in_the_mesh_and_never_for_a_gateway():
    built = mesh("{faults: [{value: slow, delay: 5s}, {value: broken, abort: 503, percent: 50}]}", faults_allowed=True)
    inside = routes(built, "VirtualService/chatgpt-production/chatgpt-mcp-mesh")
    assert inside["fault-0"]["fault"]["delay"] == {"fixedDelay": "5s", "percentage": {"value": 100}}
    assert inside["fault-1"]["fault"]["abort"] == {"httpStatus": 503, "percentage": {"value": 50}}
    assert "fault" not in str(manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp"))
