"""The grammars of what Istio takes, without Istio; `tests/lab/test_lint_quality.py` compares with its validator."""

from __future__ import annotations

import copy
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

import meshlint
from meshlint import rules
from tests.unit.meshlint.validation.authority import normalised
from tests.unit.meshlint.validation.breaks import parts, schema_of
from tests.unit.meshlint.validation.figures import REFUSED
from tests.unit.meshlint.validation.valid_objects import api_versions, make, valid_objects

if TYPE_CHECKING:
    from tests.unit.meshlint.validation.valid_objects import Json

pytestmark = pytest.mark.unit

TODAY = date(2026, 12, 1)
WRONG: tuple[Any, ...] = (None, True, 7, 1.5, "text", [], [None], ["a", 1], {}, {"a": None}, {"": {"a": []}})
"""A value of every type, for places where another one belongs."""
STRIDE = 7
"""Of all places and all wrong values, every seventh pair."""


def refusals(obj: Json) -> list[str]:
    claiming = {code for code, rule in rules.load().items() if REFUSED in rule.symptoms}
    return [error.message for error in meshlint.run([obj], today=TODAY).errors if error.code in claiming]


@pytest.mark.parametrize("kind", api_versions())
def test_what_istio_takes_has_no_refusal(kind: str) -> None:
    found = [refusals(obj) for obj in valid_objects() if obj["kind"] == kind]
    assert found
    assert not any(found), found


def test_a_value_of_any_type_anywhere_is_judged_and_breaks_nothing() -> None:
    pairs = [
        (obj, place, wrong)
        for obj in valid_objects()
        for place, _, _ in parts(obj["spec"], schema_of(obj["kind"]))
        if place
        for wrong in WRONG
    ]
    assert len(pairs) > 5_000
    for obj, place, wrong in pairs[::STRIDE]:
        broken = copy.deepcopy(obj)
        holder: Any = broken["spec"]
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = wrong
        refusals(broken)


def test_a_message_is_the_same_for_every_object_that_is_refused_for_it() -> None:
    said = "port number {} must be in the range 1..65535"
    assert normalised(said.format(70000)) == normalised(said.format(0))
    assert normalised('domain name "a..b" invalid') == normalised('domain name "-a" invalid')
    assert normalised("invalid policy a.b: `key` must not be empty") == "_ must not be empty"
    assert normalised("port is required") != normalised("address is required")


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("AuthorizationPolicy", {"action": "DENY"}, "spec.action is DENY without rules"),
        ("AuthorizationPolicy", {"action": "CUSTOM", "rules": [{}]}, "spec.action is CUSTOM without a provider"),
        (
            "AuthorizationPolicy",
            {"selector": {}, "targetRefs": [{"kind": "Service", "name": "web"}], "rules": [{}]},
            "spec has selector and targetRefs",
        ),
        ("PeerAuthentication", {"selector": {"matchLabels": {"app": "w*"}}}, "has a wildcard in app=w*"),
        (
            "PeerAuthentication",
            {"selector": {"matchLabels": {"app": "web"}}, "portLevelMtls": {"0": {"mode": "STRICT"}}},
            "spec.portLevelMtls[\"0\"] is for '0', no port",
        ),
        ("VirtualService", {"hosts": ["*"], "http": [{"route": [{"destination": {"host": "web"}}]}]}, "hosts[0] is *"),
        (
            "VirtualService",
            {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web", "port": {"number": 70000}}}]}]},
            "port.number is 70000, no port",
        ),
        ("WorkloadEntry", {"labels": {"app": "web"}}, "spec has no address"),
        ("ProxyConfig", {"concurrency": -1}, "spec.concurrency is -1"),
        ("TrafficExtension", {"match": []}, "spec has neither wasm nor lua"),
        ("WasmPlugin", {"url": "ftp://a"}, "spec.url is 'ftp://a'"),
        ("Sidecar", {"ingress": [], "egress": []}, "spec sets nothing"),
    ],
)
def test_what_istio_refuses_is_said_at_its_place(kind: str, spec: Json, said: str) -> None:
    obj = make(kind, spec)
    assert any(said in message for message in refusals(obj)), refusals(obj)
