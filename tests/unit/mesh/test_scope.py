"""`security.scope: namespaces`: nothing outside the declared namespaces is touched, and what would be is a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt_mesh.mesh.objects import egress, scoping, security, telemetry
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from tests.documentation import blocks
from tests.surroundings import surroundings
from tests.unit.golden import concern, product
from tests.unit.mesh.declared import by_key, graph, mistakes
from tests.unit.mesh.test_every_stack import EVERY_STACK, built
from tests.unit.random_stacks import meshes, shared

pytestmark = pytest.mark.unit

NAMESPACES = "scope: namespaces"
GATEWAYS = """
public:
  kind: public
  release: chatgpt-ingressgateway
  listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}
out: {kind: egress, release: chatgpt-egressgateway}
"""
LENT = """
public:
  kind: public
  namespace: platform-ingress
  release: platform-ingressgateway
  existing: {}
  listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}
"""
DNS = "kube-system/kube-dns.kube-system.svc.cluster.local"


ELSEWHERE = {"cluster-failover", "egress-tls-origination", "raw-object"}
"""Concerns with a caller, or an object, in the namespace of another team, or with a word for its istiod."""


@st.composite
def scoped(draw: st.DrawFn) -> dict[str, Any]:
    """A declaration of a stack on a shared cluster; now and then its gateways are somebody else's."""
    found = draw(meshes())
    return shared.within_namespaces({**found, "gateways": draw(shared.gateways(found["gateways"], found["apps"]))})


@EVERY_STACK
@given(scoped())
def test_every_object_is_in_a_declared_namespace_and_where_that_is_lent_it_selects(declaration: dict[str, Any]) -> None:
    mesh = built(declaration)
    own = {declared.name for declared in mesh.namespaces}
    lent = {gateway.home for gateway in mesh.gateways.values() if gateway.existing is not None}
    assert ROOT_NAMESPACE not in own | lent
    assert not own & lent
    for owned in mesh.objects:
        manifest = owned.resource.to_dict()
        if manifest["kind"] == "ClusterIssuer":  # of no namespace, and asked only by who names it
            continue
        home, spec = manifest["metadata"]["namespace"], manifest.get("spec", {})
        assert home in own | lent, owned.resource.key
        selects = spec.get("selector") or spec.get("workloadSelector")
        seen_by = set(spec.get("exportTo", ["*"]))
        told = manifest["kind"] in ("VirtualService", "Certificate") or seen_by <= {".", *own, *lent}
        assert home in own or selects or told, owned.resource.key


@pytest.mark.parametrize("name", [name for name in concern.CONCERNS if name not in ELSEWHERE])
def test_the_checker_finds_nothing_in_a_concern_that_it_does_not_find_in_the_whole_mesh(
    name: str, tmp_path: Path
) -> None:
    """Neither where this stack's istiod is judged with it, nor where nobody knows how Istio is set up."""
    with surroundings(tmp_path / "machine"):
        values = concern.settings(name)
        found = codes(values)
        for gateway in values["gateways"].values():
            gateway.setdefault("release", f"ours-{gateway['kind']}-gateway")
        values.setdefault("security", {})["scope"] = "namespaces"
        assert codes(values) <= found
        assert codes({**values, "istio": {**values["istio"], "install": False}}) <= found


def test_the_checker_finds_nothing_in_the_documented_stack(tmp_path: Path) -> None:
    [documented] = [block for block in blocks("yaml stack") if block.page.name == "shared-cluster.md"]
    with surroundings(tmp_path / "machine"):
        assert product.of_values(product.settings_in(documented.text)).findings() == []


def codes(values: dict[str, Any]) -> set[str]:
    """Of the rules that find something in a whole stack."""
    return set(re.findall(r"\b(MCP\d{3}): ", "\n".join(product.of_values(values).findings())))


def test_mutual_tls_closed_egress_and_telemetry_are_written_for_each_namespace() -> None:
    declared = graph(security=NAMESPACES, gateways=GATEWAYS)
    found = by_key([*security.objects(declared), *scoping.objects(declared), *telemetry.objects(declared)])
    for namespace in ("chatgpt-frontend", "chatgpt-production", "istio-egress", "istio-ingress"):
        assert found[f"PeerAuthentication/{namespace}/default"] == {"mtls": {"mode": "STRICT"}}
        assert found[f"Sidecar/{namespace}/default"] == {
            "egress": [{"hosts": ["./*", DNS]}],
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        }
        assert "selector" not in found[f"Telemetry/{namespace}/default"]


def test_of_a_gateway_that_somebody_else_runs_only_its_pods_are_meant() -> None:
    declared = graph(security=NAMESPACES, gateways=LENT)
    found = by_key([*security.objects(declared), *scoping.objects(declared), *telemetry.objects(declared)])
    assert {key for key in found if "/platform-ingress/" in key} == {"Telemetry/platform-ingress/public"}
    selector = found["Telemetry/platform-ingress/public"]["selector"]
    assert selector == {"matchLabels": {"istio": "platform-ingressgateway"}}


def test_a_host_that_sidecars_reach_by_themselves_is_declared_beside_its_first_caller() -> None:
    hosts = "{via: sidecar, allow: [{host: api.openai.com, from: [chatgpt-mcp, chatgpt-frontend]}]}"
    declared = graph(security=NAMESPACES, gateways=GATEWAYS, egress=hosts)
    found = by_key([*egress.objects(declared), *scoping.objects(declared)])
    entry = found["ServiceEntry/chatgpt-production/egress-api-openai-com"]
    assert entry["exportTo"] == ["chatgpt-frontend", "chatgpt-production"]
    sees = found["Sidecar/chatgpt-frontend/chatgpt-frontend"]["egress"][0]["hosts"]
    assert "chatgpt-production/api.openai.com" in sees


def test_a_gateway_needs_a_name_that_only_this_stack_has() -> None:
    [release, _] = mistakes(security=NAMESPACES)
    assert release.startswith("gateways.public.release: must be said with security.scope namespaces")
    assert "istio: ingressgateway" in release


def test_a_caller_of_egress_and_an_exception_elsewhere_cannot_be_said() -> None:
    caller = "allow: [{host: api.openai.com, from: [{namespace: jobs, service_account: batch}]}]"
    exception = (
        "{scope: namespaces, exceptions: [{workload: old, namespace: jobs, port: 9090, until: '2027-01-31', "
        "why: soon, from_networks: [10.0.0.0/8]}]}"
    )
    [first, second] = mistakes(security=exception, egress=caller, gateways=GATEWAYS)
    own = "chatgpt-frontend, chatgpt-production, istio-egress, istio-ingress"
    assert first.startswith("security.exceptions.0.namespace: is not of this stack")
    assert second.startswith("egress.allow.0.from.0.namespace: is not of this stack")
    assert first.endswith(f"{own} (given: 'jobs')")
    assert second.endswith(f"{own} (given: 'jobs')")
    assert mistakes(security=exception.replace("scope: namespaces, ", ""), egress=caller, gateways=GATEWAYS) == []


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, "
            "metadata: {name: a, namespace: istio-system}}",
            "objects.0.metadata.namespace: is not of this stack",
        ),
        (
            "{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: a, namespace: chatgpt-production}}",
            "objects.0: Istio takes one Telemetry without selector in a namespace, and that of chatgpt-production "
            "follows from telemetry",
        ),
        (
            "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, "
            "metadata: {name: a, namespace: platform-ingress}}",
            "objects.0.spec: has no selector, so it would hold for everything in platform-ingress",
        ),
        (
            "{apiVersion: networking.istio.io/v1, kind: DestinationRule, "
            "metadata: {name: a, namespace: chatgpt-production}, spec: {host: partner.example.net}}",
            "objects.0.spec.exportTo: lets workloads of other teams see it",
        ),
    ],
)
def test_an_object_by_hand_stays_in_the_namespaces_of_the_stack(raw: str, said: str) -> None:
    [found] = mistakes(security=NAMESPACES, gateways=LENT, objects=f"[{raw}]")
    assert found.startswith(said), found


def test_a_rule_for_its_own_namespace_is_fine() -> None:
    rule = (
        "[{apiVersion: networking.istio.io/v1, kind: DestinationRule, "
        "metadata: {name: a, namespace: chatgpt-production}, spec: {host: partner.example.net, exportTo: ['.']}}]"
    )
    assert mistakes(security=NAMESPACES, gateways=GATEWAYS, objects=rule) == []


def test_an_existing_gateway_says_where_it_is_and_leaves_its_pods_to_their_owner() -> None:
    gateways = "{public: {kind: public, existing: {}, workload: {replicas: {min: 3}}}}"
    found = mistakes(gateways=gateways, apps="{a: {namespace: n}}")
    assert [sentence.split(": ")[0] for sentence in found] == [
        "gateways.public.namespace",
        "gateways.public.release",
        "gateways.public.workload",
    ]


def test_a_limit_that_is_divided_by_a_gateways_pods_needs_their_number() -> None:
    apps = """
a: {namespace: n, host: a.example.com, gateway: public, service: {port: 80}, mcp: {}, open: true,
    rate_limit: {per: app, requests: 10}}
"""
    [found] = mistakes(gateways=LENT, apps=apps)
    assert found.startswith("gateways.public.existing.replicas: must be said: apps.a.rate_limit is counted per gateway")
    assert mistakes(gateways=LENT.replace("existing: {}", "existing: {replicas: 3}"), apps=apps) == []


def test_labels_and_identity_of_an_existing_gateway_are_those_that_are_said() -> None:
    said = LENT.replace("existing: {}", "existing: {labels: {app: edge, tier: public}, service_account: edge-proxy}")
    declared = graph(gateways=said)
    gateway = declared.gateways["public"]
    assert gateway.pod_labels == {"app": "edge", "tier": "public"}
    assert declared.principal(declared.gateway_identity(gateway)) == "cluster.local/ns/platform-ingress/sa/edge-proxy"
    plain = graph(gateways=LENT).gateways["public"]
    assert (plain.pod_labels, plain.service_account) == (
        {"istio": "platform-ingressgateway"},
        "platform-ingressgateway",
    )
