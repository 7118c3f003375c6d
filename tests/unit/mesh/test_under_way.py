"""What an edit does to streams and sessions that are open, told from the objects before and after it."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.objects.under_way import drained, ended_sessions
from tests.unit.mesh.stack import mesh

ROLLOUT = "versions: {v1: {}, v2: {}}, rollout: {stable: v1, canary: {version: v2, percent: 50}}"
BEFORE = f"{{{ROLLOUT}}}"


def edit(before: str, after: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Objects that an edit changes, before and after it."""

    def manifests(built: Mesh) -> dict[str, dict[str, Any]]:
        return {owned.resource.key: owned.resource.to_dict() for owned in built.objects}

    old, new = manifests(mesh(before)), manifests(mesh(after))
    return [(old[key], new[key]) for key in old if key in new and old[key] != new[key]]


def told(before: str, after: str) -> tuple[set[str], set[str]]:
    """The proxies that drain, and what ends."""
    changed = edit(before, after)
    assert changed, "the edit changes nothing"
    drains = {str(proxies) for old, new in changed if (proxies := drained(old, new)) is not None}
    return drains, {sentence for old, new in changed for sentence in ended_sessions(old, new)}


BEGIN_ANEW = "404, and clients begin anew"


@pytest.mark.parametrize(
    "change",
    ["auth: {deny_subjects: [a]}", "auth: {subject_header: x-user}", 'cors: {origins: ["https://chatgpt.com"]}'],
)
def test_a_changed_rule_about_who_may_come_in_drains_the_gateway(change: str):
    drains, ended = told(BEFORE, f"{{{ROLLOUT}, {change}}}")
    assert len(drains) == 1
    assert drains.pop().startswith("the proxies of istio-ingress with ")
    assert ended == set()


@pytest.mark.parametrize("change", ["mcp: {trailing_slash: same}", "routes: [{exact: /health, auth: none}]"])
def test_a_change_of_routes_drains_nothing_at_the_gateway(change: str):
    drains, ended = told(BEFORE, f"{{{ROLLOUT}, {change}}}")
    assert not any("istio-ingress" in proxies for proxies in drains)
    assert ended == set()


def test_conditions_on_routes_by_an_envoy_filter_drain_nothing():
    tools = "{{auth: {{tools: {{a: {{scope: {scope}}}}}}}}}"
    more = "{auth: {tools: {a: {scope: x}, b: {scope: x}}}}"
    changed = edit(tools.format(scope="x"), more)
    assert {new["kind"] for _, new in changed} == {"EnvoyFilter"}
    assert told(tools.format(scope="x"), more) == (set(), set())


def test_who_may_call_an_app_drains_its_sidecars():
    methods = "callers: [{service_account: chatgpt-mcp, methods: [GET]}]"
    both = "callers: [{service_account: chatgpt-mcp, methods: [GET, POST]}]"
    drains, _ = told(f"{{{methods}}}", f"{{{both}}}")
    assert drains == {"the proxies of chatgpt-production with app=chatgpt-mcp"}


def test_an_object_of_the_root_namespace_is_for_all_proxies():
    old, new = ({"kind": "Telemetry", "metadata": {"namespace": "istio-system"}, "spec": {"a": n}} for n in (1, 2))
    assert str(drained(old, new)) == "all proxies of the mesh"


@pytest.mark.parametrize(
    ("after", "version"),
    [
        ("versions: {v1: {}}, rollout: {stable: v1}", "v2"),
        ("versions: {v1: {}, v2: {}}, rollout: {stable: v1, canary: {version: v2, percent: 0}}", "v2"),
        (
            "versions: {v1: {open_sessions: end}, v2: {}}, rollout: {stable: v1, canary: {version: v2, percent: 100}}",
            "v1",
        ),
    ],
)
def test_sessions_of_a_version_end_where_its_route_goes(after: str, version: str):
    sentence = (
        f"apps.chatgpt-mcp.versions.{version}: its open MCP sessions end with this change: 404, and clients begin anew"
    )
    assert told(BEFORE, f"{{{after}}}") == (set(), {sentence})


@pytest.mark.parametrize(
    "after",
    [
        "versions: {v1: {}, v2: {}}, rollout: {stable: v1, canary: {version: v2, percent: 100}}",
        "versions: {v1: {}, v2: {}}, rollout: {stable: v1, canary: {version: v2, percent: 5}}",
        "versions: {v1: {}, v2: {open_sessions: keep}}, rollout: {stable: v1, canary: {version: v2, percent: 0}}",
    ],
)
def test_sessions_that_go_on_are_not_said_to_end(after: str):
    assert told(BEFORE, f"{{{after}}}") == (set(), set())


def test_all_sessions_end_with_the_first_rollout_and_with_a_server_that_keeps_none():
    ending = {f"apps.chatgpt-mcp: its open MCP sessions end with this change: {BEGIN_ANEW}"}
    assert told("{}", BEFORE)[1] == ending
    assert told("{}", "{mcp: {stateless: true}}")[1] == ending
