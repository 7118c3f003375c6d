"""The benchmark of the edge compares what it says: each feature is really taken out, and both forms take turns."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack.settings import load_stack
from lab.workloads.request import Reply, Request
from tests.benchmarks.data_path import by_hand, declarations, same_answers, servers
from tests.benchmarks.data_path.comparison import NAMES, Form, Ratio, alternating, at_once, ratios
from tests.benchmarks.data_path.load import Figures, cpu_seconds
from tests.benchmarks.data_path.page import table
from tests.surroundings import ROOT
from tests.unit.mesh.stack import TODAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings


@pytest.fixture(scope="module")
def whole() -> Settings:
    return declarations.whole(load_stack(ROOT / "Pulumi.staging.yaml", TODAY))


def at_the_gateway(stack: Settings) -> dict[str, str]:
    """What its proxies read, by object."""
    homes = {stack.gateways["public"].home, stack.apps[declarations.APP].namespace, "istio-system"}
    objects = [one.resource.to_dict() for one in Mesh(stack, TODAY).objects]
    return {str(one["metadata"]): str(one) for one in objects if one["metadata"]["namespace"] in homes}


def test_the_measured_app_has_every_feature_of_the_one_that_it_is_like(whole: Settings) -> None:
    app = whole.apps[declarations.APP]
    assert app.auth is not None
    assert app.auth.tools
    assert app.rate_limit is not None
    assert app.cors.origins
    assert app.rollout is not None
    assert app.rollout.canary is not None
    assert app.mcp is not None
    assert app.mcp.keeps_sessions


@pytest.mark.parametrize("feature", declarations.FEATURES, ids=lambda one: one.name)
def test_a_feature_that_is_left_out_is_gone_from_the_gateway(whole: Settings, feature: declarations.Feature) -> None:
    assert at_the_gateway(feature.left_out(whole)) != at_the_gateway(whole)


def test_a_crowd_stands_at_the_same_gateway_and_leaves_the_measured_app_as_it_is(whole: Settings) -> None:
    crowded = declarations.crowded(whole, 9)
    hosts = {app.host for app in crowded.apps.values() if app.gateway == "public"}
    assert len(hosts) == 9 + 2
    assert crowded.apps[declarations.APP] == whole.apps[declarations.APP]


def test_two_forms_take_turns_and_each_change_of_form_serves_two_pairs() -> None:
    log: list[str] = []

    def form(name: str, figure: float) -> Form:
        @contextlib.contextmanager
        def in_force() -> Iterator[None]:
            log.append(f"to {name}")
            yield

        def measure() -> Figures:
            log.append(name)
            return figures(figure)

        return Form(in_force, measure)

    pairs = alternating(form("whole", 3.0), form("bare", 2.0), pairs=3)
    assert log == ["to whole", "whole", "to bare", "bare", "bare", "to whole", "whole", "whole", "to bare", "bare"]
    assert ratios(pairs)["gateway_microseconds"] == Ratio(1.5, 1.5, 1.5)


def test_two_forms_that_are_there_side_by_side_are_measured_at_once() -> None:
    both = threading.Barrier(2, timeout=10)

    def measured(figure: float) -> Figures:
        both.wait()  # one alone would wait in vain
        return figures(figure)

    pairs = at_once(lambda: measured(3.0), lambda: measured(2.0), pairs=4)
    assert ratios(pairs)["gateway_microseconds"] == Ratio(1.5, 1.5, 1.5)
    assert len(pairs) == 4


def test_a_row_has_the_median_and_how_far_the_pairs_went() -> None:
    ratio = {"median": 1.234, "lowest": 1.0, "highest": 2.0}
    result = {"ratios": dict.fromkeys(NAMES, ratio)}
    heading, rule, goals, row = table({"300 a second": result}, "whole by bare", {"gateway_microseconds": 1.3})
    assert heading == "| whole by bare | gateway CPU | rate | p50 | p99 | sidecar CPU |"
    assert rule.count("|") == goals.count("|") == 7
    assert goals.startswith("| *goal* | 1.30 |  |")
    assert row.startswith("| 300 a second | 1.23 (1.00-2.00) |")


def test_every_feature_that_is_left_out_is_also_written_by_hand() -> None:
    everything = declarations.FEATURES[-1].name
    assert {*by_hand.FEATURES, everything} == {feature.name for feature in declarations.FEATURES}
    assert {needed for names in by_hand.NEEDED.values() for needed in names} <= set(by_hand.FEATURES)


@pytest.mark.parametrize("name", by_hand.FEATURES)
def test_a_feature_alone_is_the_declaration_without_the_others(whole: Settings, name: str) -> None:
    names = (*by_hand.NEEDED.get(name, ()), name)
    nothing = declarations.FEATURES[-1].left_out(whole)
    alone = declarations.only(whole, *names)
    assert at_the_gateway(alone) != at_the_gateway(declarations.only(whole, *by_hand.NEEDED.get(name, ())))
    assert at_the_gateway(declarations.only(whole)) == at_the_gateway(nothing)
    assert at_the_gateway(declarations.only(whole, *by_hand.FEATURES)) == at_the_gateway(whole)


@pytest.mark.parametrize("name", by_hand.FEATURES)
def test_what_is_written_by_hand_stands_at_the_bare_gateway_alone(whole: Settings, name: str) -> None:
    bare = servers.bare_istio()
    written = by_hand.Configuration(whole, whole.apps[declarations.APP], "https://measured.example.com/mcp")
    before = written.manifests(bare)
    assert before != bare, "what every app has unasked stands there too"
    by_hand.FEATURES[name](written)
    after = written.manifests(bare)
    assert after != before
    assert {key.split("/")[1] for key in after} == {servers.BARE}


def test_hand_written_filters_refuse_before_they_count(whole: Settings) -> None:
    """As the declaration does: who is not let in takes nothing from anybody's limit."""
    written = by_hand.Configuration(whole, whole.apps[declarations.APP], "https://measured.example.com/mcp")
    for feature in by_hand.FEATURES.values():
        feature(written)
    patches = written.manifests(servers.bare_istio())[f"EnvoyFilter/{servers.BARE}/by-hand"]["spec"]["configPatches"]
    names = [one["patch"]["value"].get("name") for one in patches]
    assert names == [*(f"by-hand.{name}" for name in ("tokens", "calls", "sessions", "refused", "limit")), None]


def test_an_answer_that_is_another_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a gateway would be measured that lets everything pass."""
    replies = {"one": Reply(status=401, headers={"www-authenticate": "Bearer"}), "other": Reply(status=200)}
    monkeypatch.setattr(same_answers, "send", lambda request: replies[request.url.partition("/")[0]])
    monkeypatch.setattr(same_answers, "always", lambda: [same_answers.Probe("the measured call", 200)])
    one, other = Request(url="one/mcp"), Request(url="other/mcp")

    def token(*_: object, **__: object) -> str:
        return "token"

    assert len(same_answers.differences(one, other, ["tokens, and what they decide"], token)) == 7
    assert len(same_answers.differences(one, one, ["limit per subject"], token)) == 1
    assert not same_answers.differences(other, other, ["limit per subject"], token)


def figures(value: float) -> Figures:
    return Figures(
        requests_per_second=value,
        p50_milliseconds=value,
        p99_milliseconds=value,
        gateway_microseconds=value,
        sidecar_microseconds=value,
    )


def test_what_a_request_costs_is_what_the_workers_use() -> None:
    own = Path(f"/proc/self/task/{os.getpid()}/comm").read_text().strip()
    before = cpu_seconds(os.getpid(), own)
    while cpu_seconds(os.getpid(), own) < before + 0.05:
        pass
    assert cpu_seconds(os.getpid()) == 0, "no thread here is one of Envoy's workers"
