"""Each kind of change is one sentence that a reviewer understands without the objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatgpt_mesh.mesh.specs.security import MtlsExceptionSpec
from tests.unit.review.stacks import STACK, edited, sentences

pytestmark = pytest.mark.unit

SIDECARS = "What drains: Listeners of the sidecars of weather change: streams open there have 600s to end."


def changed(tmp_path: Path, old: str, new: str) -> list[str]:
    return sentences(tmp_path, STACK, edited(old, new))


def test_a_stack_does_not_differ_from_itself(tmp_path: Path) -> None:
    assert sentences(tmp_path, STACK, STACK) == []


def test_a_step_of_a_canary_is_one_sentence(tmp_path: Path) -> None:
    assert changed(tmp_path, "percent: 5", "percent: 10") == [
        "Traffic: 5 % of new sessions of weather move from v1 to v2; now 90 % v1, 10 % v2."
    ]


def test_a_caller_is_one_sentence_about_access(tmp_path: Path) -> None:
    caller = "- {app: frontend, paths: [/mcp]}"
    new = f"{caller}\n        - {{service_account: batch, namespace: jobs, paths: [/mcp]}}"
    assert changed(tmp_path, caller, new) == [
        "Access: jobs/batch may now reach weather: GET/POST/DELETE /mcp.",
        SIDECARS,
    ]
    assert sentences(tmp_path, edited(caller, new), STACK) == [
        "Access: jobs/batch may no longer reach weather: GET/POST/DELETE /mcp; it takes no connection now.",
        SIDECARS,
    ]


def test_a_caller_that_reaches_no_more_than_before_is_told_as_a_setting(tmp_path: Path) -> None:
    caller = "- {app: frontend, paths: [/mcp]}"
    twice = f"{caller}\n        - {{app: frontend, paths: [/mcp], methods: [POST]}}"
    said = changed(tmp_path, caller, twice)
    assert any(one.startswith("Settings: apps.weather.callers[1] is ") for one in said), said


def test_a_route_without_a_token_opens_to_clients_outside(tmp_path: Path) -> None:
    said = changed(tmp_path, "      mcp: {}", "      mcp: {}\n      routes: [{exact: /health, auth: none}]")
    opened = [one for one in said if one.startswith("Access: Clients outside may now reach")]
    assert any("weather.example.com: GET /health without a token" in one for one in opened), said


def test_a_limit_is_told_as_a_whole(tmp_path: Path) -> None:
    said = changed(tmp_path, "{requests: 600}", "{requests: 300, every: 30s}")
    assert said[0] == (
        "Limits: weather takes 300 requests in 30s for each subject, counted per gateway; "
        "it was 600 requests in 60s for each subject, counted per gateway."
    )
    assert not any(one.startswith("Settings:") for one in said)


def test_a_tool_that_needs_another_scope(tmp_path: Path) -> None:
    said = changed(tmp_path, "scope: weather.read", "scope: weather.write")
    assert "Access: Tool forecast of weather needs the scope weather.write; it needed weather.read." in said


def test_hosts_that_come_go_and_move(tmp_path: Path) -> None:
    further = "gateway: public\n      further_hosts: [{host: sky.example.com, gateway: public}]"
    came = "Hosts, gateways and certificates: weather gets the host sky.example.com: gateway public serves it."
    assert came in changed(tmp_path, "gateway: public", further)
    gone = "Hosts, gateways and certificates: weather loses the host sky.example.com at gateway public."
    assert gone in sentences(tmp_path, edited("gateway: public", further), STACK)


def test_egress_by_caller(tmp_path: Path) -> None:
    entry = "{host: api.openai.com, from: [weather]}"
    said = changed(tmp_path, entry, f"{entry}, {{host: files.example.net, from: [frontend]}}")
    assert "Egress: frontend may now reach files.example.net:443 outside the mesh, through the egress gateway." in said
    said = changed(tmp_path, "from: [weather]", "from: [frontend]")
    assert "Egress: weather may no longer reach api.openai.com:443 outside the mesh." in said


EXCEPTION = """  chatgpt-mesh:security:
    exceptions:
      - workload: weather
        namespace: weather
        port: 9090
        until: "2027-01-31"
        why: the old Prometheus (platform team)
        from_networks: [10.0.0.0/16]
  chatgpt-mesh:apps:"""


def test_exceptions_with_their_dates(tmp_path: Path) -> None:
    excepted = edited("  chatgpt-mesh:apps:", EXCEPTION)
    port = "Exceptions: Port 9090 of weather in weather takes"
    assert f"{port} plaintext from 10.0.0.0/16, until 2027-01-31 (the old Prometheus (platform team))." in sentences(
        tmp_path, STACK, excepted
    )
    assert f"{port} no plaintext any more." in sentences(tmp_path, excepted, STACK)
    later = edited("2027-01-31", "2027-03-31", excepted)
    moved = f"{port} plaintext until 2027-03-31 in place of 2027-01-31 (the old Prometheus (platform team))."
    assert moved in sentences(tmp_path, excepted, later)
    assert MtlsExceptionSpec.model_fields.keys() >= {"until", "why", "from_networks"}


def test_sessions_of_a_version_that_takes_no_new_ones(tmp_path: Path) -> None:
    said = changed(tmp_path, "{version: v2, percent: 5}", "{version: v2, percent: 100}")
    assert "Traffic: 95 % of new sessions of weather move from v1 to v2; now 100 % v2." in said
    kept = (
        "What drains: v1 of weather takes no new sessions; those that are open go on until it is removed from versions."
    )
    assert kept in said
    ended = changed(tmp_path, "{stable: v1, canary: {version: v2, percent: 5}}", "{stable: v1}")
    assert (
        "What drains: v2 of weather takes no new sessions; those that are open end with 404, and clients begin anew."
        in ended
    )


def test_what_proxies_read_at_their_start_asks_for_a_restart(tmp_path: Path) -> None:
    said = changed(tmp_path, "      service: {port: 8080}", "      service: {port: 8080}\n      longest_call: 900s")
    restarts = [one for one in said if one.startswith("What restarts:")]
    assert any("The mesh's defaultConfig is read by a proxy at its start" in one for one in restarts), said
    assert any(one.startswith("What restarts: Pods of gateway public are replaced one by one") for one in restarts)


def test_the_mesh_and_the_cluster_in_it(tmp_path: Path) -> None:
    multi = edited("chatgpt-mesh:istio: {", "chatgpt-mesh:istio: {multi_cluster: {mesh: m, cluster: c, network: n}, ")
    said = sentences(tmp_path, STACK, multi)
    assert any(
        "The mesh id, the network and the cluster's name are read by a proxy at its start" in one for one in said
    )


def test_istiod_restarts_alone_for_its_own_resources(tmp_path: Path) -> None:
    sized = edited("chatgpt-mesh:istio: {", "chatgpt-mesh:istio: {control_plane: {resources: {memory: 4Gi}}, ")
    restarts = [one for one in sentences(tmp_path, STACK, sized) if one.startswith("What restarts:")]
    assert restarts == ["What restarts: istiod's pods are replaced (resources); traffic goes on meanwhile."]


def test_an_app_and_a_gateway_that_are_new(tmp_path: Path) -> None:
    app = "    sky: {namespace: sky, service: {port: 80}, routes: [{exact: /sky}], callers: [{app: weather}]}\n"
    said = sentences(tmp_path, STACK, STACK + app)
    assert "Hosts, gateways and certificates: App sky is new in sky, without a host." in said
    assert "Access: weather may now reach sky: GET /sky." in said
    assert not any("apps.sky" in one for one in said), "an app that is new is not told setting by setting"


def test_a_setting_that_nothing_else_tells_is_told_by_its_path(tmp_path: Path) -> None:
    pool = "rate_limit: {requests: 600}\n      resilience: {pool: {open_streams: 2048}}"
    said = changed(tmp_path, "rate_limit: {requests: 600}", pool)
    assert "Settings: apps.weather.resilience.pool.open_streams is 2048; it was 4096." in said
