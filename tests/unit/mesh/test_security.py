"""Mutual TLS everywhere, nothing allowed by default, plaintext only with a date."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from chatgpt_mesh.mesh.objects import security
from chatgpt_mesh.mesh.specs.mesh import problems, warnings
from chatgpt_mesh.mesh.specs.security import SecuritySpec
from tests.unit.mesh.declared import TODAY, by_key, declaration, graph, mistakes, owners, sentences

METRICS = """
exceptions:
- {workload: chatgpt-mcp, namespace: chatgpt-production, port: 9090, until: "%s", why: scraped from outside (SRE-12),
   from_networks: [10.4.0.0/14], paths: [/metrics]}
"""


def exception(days: int) -> str:
    return METRICS % (TODAY + timedelta(days=days)).isoformat()


def test_the_mesh_takes_mutual_tls_only() -> None:
    assert by_key(security.objects(graph()))["PeerAuthentication/istio-system/default"] == {"mtls": {"mode": "STRICT"}}


def test_permissive_cannot_be_said_for_the_mesh() -> None:
    with pytest.raises(ValidationError):
        SecuritySpec.model_validate({"mtls": "permissive"})


def test_every_namespace_of_apps_denies_what_nothing_allows() -> None:
    objects = by_key(security.objects(graph()))
    assert objects["AuthorizationPolicy/chatgpt-production/allow-nothing"] == {}
    assert objects["AuthorizationPolicy/chatgpt-frontend/allow-nothing"] == {}


def test_no_empty_allow_reaches_a_gateway() -> None:
    namespaces = {
        key.split("/")[1] for key in by_key(security.objects(graph())) if key.startswith("AuthorizationPolicy/")
    }
    assert namespaces.isdisjoint({"istio-ingress", "istio-egress", "istio-system"})


def test_an_exception_opens_one_port_and_leaves_the_others_strict() -> None:
    objects = by_key(security.objects(graph(security=exception(100))))
    assert objects["PeerAuthentication/chatgpt-production/chatgpt-mcp-exceptions"] == {
        "selector": {"matchLabels": {"app": "chatgpt-mcp"}},
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {"9090": {"mode": "PERMISSIVE"}},
    }


def test_callers_without_identity_need_an_allow_of_their_own() -> None:
    objects = by_key(security.objects(graph(security=exception(100))))
    assert objects["AuthorizationPolicy/chatgpt-production/chatgpt-mcp-exceptions"]["rules"] == [
        {
            "from": [{"source": {"notPrincipals": ["*"], "ipBlocks": ["10.4.0.0/14"]}}],
            "to": [{"operation": {"ports": ["9090"], "paths": ["/metrics"]}}],
        }
    ]


def test_two_ports_of_one_workload_share_a_policy_since_istio_takes_the_oldest_alone() -> None:
    two = """
exceptions:
- {workload: chatgpt-mcp, namespace: chatgpt-production, port: 9090, until: "2027-01-31", why: a,
   from_networks: [10.4.0.0/14]}
- {workload: chatgpt-mcp, namespace: chatgpt-production, port: 9091, mode: disable, until: "2027-01-31", why: b,
   from_networks: [10.4.0.0/14]}
"""
    objects = by_key(security.objects(graph(security=two)))
    policy = objects["PeerAuthentication/chatgpt-production/chatgpt-mcp-exceptions"]
    assert policy["portLevelMtls"] == {"9090": {"mode": "PERMISSIVE"}, "9091": {"mode": "DISABLE"}}


def test_the_owner_of_an_exception_is_its_place_in_the_stack_file() -> None:
    key = "PeerAuthentication/chatgpt-production/chatgpt-mcp-exceptions"
    assert owners(security.objects(graph(security=exception(100))))[key] == "security.exceptions.0"


def test_an_exception_without_a_date_or_without_networks_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        SecuritySpec.model_validate({"exceptions": [{"workload": "a", "namespace": "b", "port": 1, "why": "c"}]})
    assert [error["loc"][2] for error in caught.value.errors()] == ["until", "from_networks"]


@pytest.mark.parametrize(
    ("days", "stops", "warns"), [(-1, True, False), (0, False, True), (14, False, True), (15, False, False)]
)
def test_an_exception_warns_for_14_days_and_then_stops_the_program(days: int, stops: bool, warns: bool) -> None:
    declared = declaration(security=exception(days))
    assert bool(sentences(problems(declared, TODAY))) is stops
    assert bool(sentences(warnings(declared, TODAY))) is warns


def test_the_sentence_of_an_expired_exception_says_where_and_how_to_mend_it() -> None:
    assert mistakes(security=exception(-3)) == [
        "security.exceptions.0.until: the exception for port 9090 of chatgpt-mcp has expired; give the client a "
        "sidecar and remove the exception, or move the date with a reason (given: '2026-11-21')"
    ]


def test_all_mistakes_of_exceptions_at_once() -> None:
    declared = declaration(
        security="""
exceptions:
- {workload: chatgpt-mcp, namespace: elsewhere, port: 15090, until: "2020-01-01", why: a, from_networks: [10.0.0.0/8]}
- {workload: other, namespace: x, port: 1, until: "2027-01-01", why: a, from_networks: [10.0.0.0/8]}
- {workload: other, namespace: x, port: 1, until: "2027-01-01", why: a, from_networks: [10.0.0.0/8]}
"""
    )
    assert [s.split(":")[0] for s in sentences(problems(declared, TODAY))] == [
        "security.exceptions.0.until",
        "security.exceptions.0.port",
        "security.exceptions.0.namespace",
        "security.exceptions.2",
    ]
