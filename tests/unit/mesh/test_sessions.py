"""Sessions that the shipped proxy cannot keep are refused; faults stay in the mesh."""

from __future__ import annotations

from tests.unit.mesh.stack import manifest, mesh, mistakes, routes


def test_an_envelope_around_session_ids_is_refused_because_the_shipped_proxy_has_no_such_extension():
    (sentence,) = mistakes("{mcp: {sessions: envelope}}")
    assert sentence == (
        "apps.chatgpt-mcp.mcp.sessions: needs an extension of Envoy (envoy.http.stateful_session.envelope) that "
        "Istio's proxy is built without and would refuse; use none, with a server that keeps no sessions or has one "
        "replica "
        "(given: 'envelope')"
    )


def test_faults_are_for_callers_in_the_mesh_and_never_for_a_gateway():
    built = mesh("{faults: [{value: slow, delay: 5s}, {value: broken, abort: 503, percent: 50}]}", faults_allowed=True)
    inside = routes(built, "VirtualService/chatgpt-production/chatgpt-mcp-mesh")
    assert inside["fault-0"]["fault"]["delay"] == {"fixedDelay": "5s", "percentage": {"value": 100}}
    assert inside["fault-1"]["fault"]["abort"] == {"httpStatus": 503, "percentage": {"value": 50}}
    assert "fault" not in str(manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp"))
