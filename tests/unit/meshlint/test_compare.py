"""What `compare` says of two versions of a mesh: every difference that a request, or a reader of settings, can see."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshlint.environment import Environment
from meshlint.reachability.compare import Comparison, compare
from meshlint.view.mesh import MeshView
from tests.unit.meshlint.test_command_line import run

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parents[1] / "golden"
TODAY = date(2026, 11, 24)
Objects = list[dict[str, Any]]


@cache
def golden(stack: str) -> str:
    return (GOLDEN / f"{stack}.yaml").read_text(encoding="utf-8")


def objects(stack: str = "staging") -> Objects:
    return [found for found in yaml.load_all(golden(stack), yaml.CSafeLoader) if found]


def compared(old: Objects, new: Objects) -> Comparison:
    views = [MeshView(listed, environment=Environment(), today=TODAY) for listed in (old, new)]
    return compare(*views)


def spec(listed: Objects, key: str) -> Any:
    """The spec of one object, by KIND/NAMESPACE/NAME."""
    (found,) = [
        one for one in listed if f"{one['kind']}/{one['metadata']['namespace']}/{one['metadata']['name']}" == key
    ]
    return found["spec"]


EDGE = "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge"
CALLERS = "AuthorizationPolicy/chatgpt-production/chatgpt-mcp-callers"
ROUTES = "VirtualService/chatgpt-production/chatgpt-mcp"


def route(listed: Objects, name: str) -> Any:
    return next(one for one in spec(listed, ROUTES)["http"] if one["name"] == name)


def deny_a_subject(listed: Objects) -> None:
    rule = {
        "to": [{"operation": {"hosts": ["chatgpt-mcp.example.com"]}}],
        "when": [{"key": "request.auth.claims[sub]", "values": ["banned-user"]}],
    }
    spec(listed, EDGE)["rules"].append(rule)


def take_another_audience(listed: Objects) -> None:
    for match in route(listed, "chatgpt-mcp.mcp")["match"]:
        match["headers"]["@request.auth.claims[aud]"] = {"exact": "https://other.example.com/mcp"}


def let_an_origin_in(listed: Objects) -> None:
    spec(listed, EDGE)["rules"][0]["when"][0]["notValues"].append("https://evil.example.net")


def open_a_path(listed: Objects) -> None:
    spec(listed, CALLERS)["rules"][2]["to"][0]["operation"]["paths"].append("/metrics")


def drop_a_method(listed: Objects) -> None:
    spec(listed, CALLERS)["rules"][2]["to"][0]["operation"]["methods"].remove("DELETE")


def let_another_caller_in(listed: Objects) -> None:
    spec(listed, CALLERS)["rules"][2]["from"][0]["source"]["principals"].append(
        "cluster.local/ns/chatgpt-production/sa/reporting"
    )


def open_to_plaintext(listed: Objects) -> None:
    spec(listed, "PeerAuthentication/istio-system/default")["mtls"]["mode"] = "PERMISSIVE"


def shift_the_canary(listed: Objects) -> None:
    for number, weight in enumerate((45, 55)):
        route(listed, "chatgpt-mcp.mcp")["route"][number]["weight"] = weight


def need_no_scope(listed: Objects) -> None:
    spec(listed, ROUTES)["http"] = [
        one for one in spec(listed, ROUTES)["http"] if one["name"] not in ("chatgpt-mcp.mcp.tool-0",)
    ]


def hide_an_egress_host(listed: Objects) -> None:
    sidecar = spec(listed, "Sidecar/chatgpt-production/chatgpt-mcp")
    sidecar["egress"][0]["hosts"].remove("istio-egress/api.openai.com")


def wait_longer(listed: Objects) -> None:
    route(listed, "chatgpt-mcp.api-v1-prefix")["timeout"] = "90s"


def forget_keys(listed: Objects) -> None:
    spec(listed, "RequestAuthentication/istio-ingress/public-tokens")["jwtRules"].pop()


PLANTED: dict[Callable[[Objects], None], tuple[str, str]] = {
    deny_a_subject: ("changes", "sub banned-user"),
    take_another_audience: ("changes", "aud https://other.example.com/mcp"),
    let_an_origin_in: ("changes", "origin: https://evil.example.net"),
    open_a_path: ("changes", ":8080/metrics from chatgpt-production/chatgpt-frontend"),
    drop_a_method: ("changes", "DELETE http://chatgpt-mcp.chatgpt-production.svc.cluster.local:8080/mcp"),
    let_another_caller_in: ("changes", "from chatgpt-production/reporting"),
    open_to_plaintext: ("changes", "from plaintext"),
    shift_the_canary: ("moves", "5 % of new sessions of chatgpt-mcp move to v2"),
    need_no_scope: ("changes", "calling tools/call execute_sql"),
    hide_an_egress_host: ("changes", "Sidecar/chatgpt-production/chatgpt-mcp (it does not list api.openai.com"),
    wait_longer: ("settings", "spec.http[chatgpt-mcp.api-v1-prefix].timeout was 30s; now it is 90s"),
    forget_keys: ("changes", "a token of https://sso.example.com"),
}
"""What somebody changes in staging's golden, and what must be said of it, among which differences."""


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_each_planted_difference_is_named(plant: Callable[[Objects], None]) -> None:
    changed = objects()
    plant(changed)
    found = compared(objects(), changed)
    among, words = PLANTED[plant]
    said = [str(one) for one in getattr(found, among)]
    assert any(words in sentence for sentence in said), said


def test_staging_against_prod_names_the_denied_subject_and_the_canary() -> None:
    found = compared(objects(), objects("prod"))
    assert any(
        "sub banned-user" in str(change) and "now it is denied with 403" in str(change) for change in found.changes
    )
    assert any("move to v1" in str(move) for move in found.moves)
    assert any("randomSamplingPercentage was 50; now it is 1" in str(one) for one in found.settings)


def test_what_opens_is_told_from_what_closes() -> None:
    opened = objects()
    open_to_plaintext(opened)
    assert not any(change.opens for change in compared(opened, objects()).changes)
    closed = objects()
    let_another_caller_in(closed)
    assert all(change.opens for change in compared(objects(), closed).changes)


def test_the_same_objects_need_no_question() -> None:
    found = compared(objects(), copy.deepcopy(objects()))
    assert (found.questions, found.changes, found.moves, found.settings) == (0, [], [], [])


def test_no_change_is_said_only_with_the_number_of_questions_and_what_was_not_asked(tmp_path: Path) -> None:
    for name, timeout in (("old", "30s"), ("new", "31s")):
        changed = objects()
        route(changed, "chatgpt-mcp.api-v1-prefix")["timeout"] = timeout
        (tmp_path / f"{name}.yaml").write_text(yaml.dump_all(changed, Dumper=yaml.CSafeDumper))
    done = run("compare", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"))
    assert done.returncode == 1
    assert "timeout was 30s; now it is 31s" in done.stdout
    assert "No request changes its answer, of " in done.stdout
    assert "Not asked: addresses of clients" in done.stdout


def test_json_has_the_same(tmp_path: Path) -> None:
    changed = objects()
    deny_a_subject(changed)
    for name, listed in (("old", objects()), ("new", changed)):
        (tmp_path / f"{name}.yaml").write_text(yaml.dump_all(listed, Dumper=yaml.CSafeDumper))
    printed = run("compare", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"), "--format", "json").stdout
    document = json.loads(printed)
    assert any("banned-user" in entry["change"] for entry in document["changes"])
    assert document["questions"]["asked"] > 1_000
    assert document["questions"]["not_asked"]


def test_nothing_to_compare_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "full.yaml").write_text(golden("prod"))
    assert run("compare", str(tmp_path / "full.yaml"), str(tmp_path / "empty.yaml")).returncode == 2
