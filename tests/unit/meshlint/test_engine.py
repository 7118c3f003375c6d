"""`meshlint.run`: what it takes, what it gives back, and that no input breaks a rule."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import meshlint
from meshlint import rules
from meshlint.rules.security import mcp315_keys_from_network

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 12, 1)
PERMISSIVE = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": "shop"},
    "spec": {"mtls": {"mode": "PERMISSIVE"}},
}


def documents(*directories: str) -> list[Any]:
    found: list[Any] = []
    for directory in directories:
        for file in sorted((ROOT / directory).rglob("*.yaml")):
            found += [document for document in yaml.load_all(file.read_text(), yaml.CSafeLoader) if document]
    return found


CORPUS = documents("tests/fixtures/guide", "tests/fixtures/edge")
CORPUS += [document for rule in rules.load().values() if rule.code not in ("MCP001", "MCP002")
           for document in yaml.load_all(rule.bad, yaml.CSafeLoader)]  # fmt: skip


def test_findings_name_the_object_and_its_position() -> None:
    report = meshlint.run([CORPUS[2], PERMISSIVE], today=TODAY)
    (finding,) = [finding for finding in report.findings if finding.code == "MCP301"]
    assert (finding.index, finding.object, finding.path) == (
        1, "PeerAuthentication/shop/default", ("spec", "mtls", "mode"),
    )  # fmt: skip
    assert finding.severity is meshlint.Severity.INFO


def test_the_objects_are_not_changed() -> None:
    before = copy.deepcopy(CORPUS)
    meshlint.run(CORPUS, today=TODAY)
    assert before == CORPUS


def test_the_order_of_objects_does_not_matter() -> None:
    def found(objects: list[Any]) -> set[tuple[str, str, str]]:
        report = meshlint.run(objects, today=TODAY)
        return {(finding.code, finding.object, finding.message) for finding in report.findings}

    guide = documents("tests/fixtures/guide", "tests/fixtures/edge")
    assert found(guide) == found(guide[::-1])


def test_a_rule_without_its_input_says_that_it_did_not_judge() -> None:
    report = meshlint.run([PERMISSIVE], today=TODAY)
    silent = {item.code: item.reason for item in report.not_judged}
    assert silent["MCP104"] == "there is no registry among the objects"
    assert "MCP301" not in silent


def test_charts_are_judged_and_count_after_the_objects() -> None:
    charts = {"base": {"defaultRevisions": "x"}, "gateway/istio-ingress/istio-ingressgateway": {"autoScaling": {}}}
    report = meshlint.run([PERMISSIVE], charts=charts, today=TODAY)
    found = {(finding.index, finding.object, finding.code) for finding in report.findings if finding.index > 0}
    assert (1, "HelmValues/base", "MCP702") in found
    assert (2, "HelmValues/gateway/istio-ingress/istio-ingressgateway", "MCP702") in found


def test_a_gateway_chart_gives_its_pods_labels_and_identity() -> None:
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "rules": [{"from": [{"source": {"serviceAccounts": ["istio-ingress/istio-ingresgateway"]}}]}],
        },
    }
    charts = {"gateway/istio-ingress/istio-ingressgateway": {}}
    report = meshlint.run([policy], charts=charts, today=TODAY)
    (finding,) = [finding for finding in report.findings if finding.code == "MCP307"]
    assert "did you mean istio-ingress/istio-ingressgateway?" in finding.message


def test_the_environment_changes_the_judgement() -> None:
    guide = documents("tests/fixtures/guide")
    staging = meshlint.run(guide, today=TODAY, environment=meshlint.Environment(production=False))
    assert not {"MCP119", "MCP606"} & {finding.code for finding in staging.findings}
    elsewhere = meshlint.run(guide, today=TODAY, environment=meshlint.Environment(mcp_paths=("/rpc",)))
    assert "MCP122" not in {finding.code for finding in elsewhere.findings}


@pytest.mark.parametrize(
    ("today", "codes", "accepted"),
    [
        (date(2026, 12, 1), [], 1),
        (date(2027, 1, 17), ["MCP008"], 1),
        (date(2027, 1, 31), ["MCP008"], 1),
        (date(2027, 2, 1), ["MCP008", "MCP301"], 0),
    ],
)
def test_an_acceptance_runs_out(today: date, codes: list[str], accepted: int) -> None:
    taken = meshlint.Acceptance.of(
        "MCP301", "PeerAuthentication/shop/default", until=date(2027, 1, 31), why="moves in January", where="accept[0]"
    )
    report = meshlint.run([PERMISSIVE], today=today, accept=[taken])
    assert sorted(finding.code for finding in report.findings) == codes
    assert len(report.accepted) == accepted


def test_an_acceptance_without_a_reason_is_an_error() -> None:
    taken = meshlint.Acceptance.of("MCP301", "PeerAuthentication/shop/default", until=TODAY, why=" ", where="accept[0]")
    report = meshlint.run([PERMISSIVE], today=TODAY, accept=[taken])
    assert [finding.code for finding in report.errors] == ["MCP008"]


# Keys over the network, on request only

TOKENS = {
    "apiVersion": "security.istio.io/v1",
    "kind": "RequestAuthentication",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"jwtRules": [{"issuer": "https://auth.example.com", "jwksUri": "https://auth.example.com/jwks.json"}]},
}


@pytest.mark.parametrize(("trouble", "severities"), [("", []), ("connection refused", ["error"])])
def test_a_jwks_uri_is_asked_only_on_request(
    trouble: str, severities: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(uri: str) -> str:
        asked.append(uri)
        return trouble

    monkeypatch.setattr(mcp315_keys_from_network, "ask", ask)

    def found(environment: meshlint.Environment) -> list[str]:
        report = meshlint.run([TOKENS], today=TODAY, environment=environment)
        return [finding.severity.value for finding in report.findings if finding.code == "MCP315"]

    assert found(meshlint.Environment()) == ["info"]
    assert asked == []
    assert found(meshlint.Environment(ask_jwks_uris=True)) == severities
    assert asked == ["https://auth.example.com/jwks.json"]


def test_a_jwks_uri_that_nobody_answers_is_no_traceback() -> None:
    assert mcp315_keys_from_network.ask("https://127.0.0.1:1/jwks.json")
    assert mcp315_keys_from_network.ask("file:///etc/hostname") == "not an https address"


# No input breaks a rule

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**70,
    1.5,
    float("nan"),
    "",
    "*",
    "/",
    "a" * 300,
    "\x00",
    [],
    [[]],
    {},
    {"": {}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += places(inner, (*path, number))
    return found


PLACES = [(number, path) for number, document in enumerate(CORPUS) for path in places(document)]


def changed(number: int, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(CORPUS[number])
    level = document
    for step in path[:-1]:
        level = level[step]
    level[path[-1]] = value
    return document


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD)), min_size=1, max_size=12))
def test_no_odd_value_in_any_place_breaks_a_rule(mutations: list[tuple[tuple[int, tuple[Any, ...]], Any]]) -> None:
    objects = [changed(number, path, copy.deepcopy(value)) for (number, path), value in mutations]
    kept = [obj for obj in objects if isinstance(obj, dict)]
    for finding in meshlint.run(kept, today=TODAY).findings:
        assert finding.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "metadata", "name", "hosts", "http", "match", "rules", "x"]), inner)
    ),
    max_leaves=15,
)
KINDS = sorted({(document["apiVersion"], document["kind"]) for document in CORPUS if "kind" in document})


@given(st.sampled_from(KINDS), JSON, JSON)
def test_no_nonsense_in_a_known_kind_breaks_a_rule(kind: tuple[str, str], spec: Any, metadata: Any) -> None:
    meshlint.run([{"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}], today=TODAY)
