"""Istio objects as they are: typed and owned, and never against a declaration."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chatgpt_mesh.mesh.objects import raw_objects
from tests.unit.mesh.declared import by_key, graph, mistakes, owners

ENVOY_FILTER = """
- apiVersion: networking.istio.io/v1alpha3
  kind: EnvoyFilter
  metadata: {name: tune, namespace: istio-ingress}
  spec: {priority: 1, workloadSelector: {labels: {istio: ingressgateway}}}
"""


def problems(objects: str, egress: str = "") -> list[str]:
    return mistakes(objects=objects, egress=egress)


def manifest(kind: str, spec: str, *, namespace: str = "chatgpt-production", group: str = "networking") -> str:
    metadata = f"{{name: raw, namespace: {namespace}}}"
    return f"[{{apiVersion: {group}.istio.io/v1, kind: {kind}, metadata: {metadata}, spec: {spec}}}]"


def test_an_object_is_passed_on_with_its_place_as_owner() -> None:
    found = list(raw_objects.objects(graph(objects=ENVOY_FILTER)))
    assert by_key(found)["EnvoyFilter/istio-ingress/tune"]["workloadSelector"] == {
        "labels": {"istio": "ingressgateway"}
    }
    assert owners(found) == {"EnvoyFilter/istio-ingress/tune": "objects.0"}


def test_an_object_of_the_guide_is_read_in_its_own_version() -> None:
    text = manifest("ServiceEntry", "{hosts: [a.example.org]}", namespace="elsewhere").replace("/v1", "/v1beta1")
    assert problems(text) == []
    (owned,) = raw_objects.objects(graph(objects=text))
    assert owned.resource.to_dict()["apiVersion"] == "networking.istio.io/v1"


def test_every_misspelt_field_is_a_mistake_with_its_path() -> None:
    text = manifest("VirtualService", "{hosts: [a.example.org], corsPolicy: {}, http: [{rout: []}]}")
    found = problems(text)
    assert [sentence.split(": ")[0] for sentence in found] == [
        "objects.0.spec.corsPolicy",
        "objects.0.spec.http.0.rout",
    ]


@pytest.mark.parametrize(
    ("start", "named"),
    [
        ("apiVersion: v1, kind: ConfigMap", "is a ConfigMap of v1, and objects takes Istio's kinds alone; leave it"),
        (
            "apiVersion: gateway.networking.k8s.io/v1, kind: Gateway",
            "objects takes Istio's kinds alone (its Gateway is of networking.istio.io/v1); leave it",
        ),
    ],
)
@pytest.mark.parametrize("rest", ["", ", data: {key: value}"])
def test_an_object_of_another_kind_is_named_whatever_its_fields_are(start: str, named: str, rest: str) -> None:
    with pytest.raises(ValidationError) as caught:
        problems(f"[{{{start}, metadata: {{name: a, namespace: b}}{rest}}}]")
    (error,) = caught.value.errors()
    assert error["loc"] == ("objects", 0)
    assert named in error["msg"]


def test_the_same_object_twice_is_refused() -> None:
    assert problems(ENVOY_FILTER + ENVOY_FILTER.lstrip()) == [
        "objects.1: objects.0 is EnvoyFilter/istio-ingress/tune too; keep one of them"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            manifest("VirtualService", "{hosts: [chatgpt-mcp.example.com]}"),
            "objects.0.spec.hosts: apps.chatgpt-mcp owns this host",
        ),
        (manifest("VirtualService", "{hosts: [chatgpt-mcp]}"), "objects.0.spec.hosts: apps.chatgpt-mcp owns this host"),
        (
            manifest("DestinationRule", "{host: chatgpt-api.chatgpt-production.svc.cluster.local}"),
            "spec.host: apps.chatgpt-api owns",
        ),
        (
            manifest("DestinationRule", "{host: istio-egressgateway.istio-egress.svc.cluster.local}"),
            "spec.host: gateways.out owns",
        ),
        (manifest("ServiceEntry", "{hosts: [api.openai.com]}"), "objects.0.spec.hosts: egress.allow.0 owns this host"),
        (
            manifest(
                "Gateway",
                "{selector: {istio: ingressgateway}, "
                "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
            ),
            "objects.0.spec.selector: opens listeners on the pods of gateways.public",
        ),
        (
            manifest(
                "AuthorizationPolicy", "{selector: {matchLabels: {app: chatgpt-mcp}}, rules: [{}]}", group="security"
            ),
            "objects.0.spec.selector: ALLOW policies add up, so this one lets in what apps.chatgpt-mcp does not",
        ),
        (
            manifest("AuthorizationPolicy", "{rules: [{}]}", group="security", namespace="istio-system"),
            "objects.0.spec: ALLOW policies add up, so this one lets in what gateways.public does not",
        ),
        (
            manifest("PeerAuthentication", "{mtls: {mode: PERMISSIVE}}", group="security"),
            "objects.0.spec.mtls.mode: takes plaintext without a date",
        ),
        (
            manifest(
                "PeerAuthentication",
                "{selector: {matchLabels: {app: x}}, portLevelMtls: {9090: {mode: DISABLE}}}",
                group="security",
            ),
            "objects.0.spec.portLevelMtls.9090.mode: takes plaintext without a date",
        ),
        (
            manifest("PeerAuthentication", "{mtls: {mode: STRICT}}", group="security", namespace="istio-system"),
            "objects.0: is the mutual TLS of the whole mesh",
        ),
        (
            manifest("RequestAuthentication", "{jwtRules: [{issuer: 'https://a'}]}", group="security"),
            "objects.0.spec: rules of several RequestAuthentications add up; "
            "declare the issuer under auth of apps.chatgpt-mcp",
        ),
        (
            manifest("Sidecar", "{workloadSelector: {labels: {app: chatgpt-api}}}"),
            "Istio takes one Sidecar per workload, and apps.chatgpt-api has one",
        ),
        (
            manifest("Telemetry", "{}", group="telemetry", namespace="istio-system"),
            "objects.0: Istio takes one Telemetry for the whole mesh",
        ),
    ],
)
def test_what_works_against_a_declaration_is_refused(text: str, sentence: str) -> None:
    found = problems(text, egress="allow: [{host: api.openai.com, from: [chatgpt-mcp]}]")
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize(
    "text",
    [
        manifest("VirtualService", "{hosts: [reports.example.com]}"),
        manifest("AuthorizationPolicy", "{action: DENY, rules: [{}]}", group="security"),
        manifest("AuthorizationPolicy", "{selector: {matchLabels: {app: other}}, rules: [{}]}", group="security"),
        manifest("AuthorizationPolicy", "{rules: [{}]}", group="security", namespace="elsewhere"),
        manifest("PeerAuthentication", "{mtls: {mode: STRICT}}", group="security"),
        manifest("Telemetry", "{}", group="telemetry"),
    ],
)
def test_what_stands_beside_a_declaration_is_not(text: str) -> None:
    assert problems(text) == []
