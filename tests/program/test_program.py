"""The whole program under Pulumi's mocks: what is registered, under what, after what, and with which provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.objects.under_way import KINDS
from tests.program.gke.registered import providers
from tests.program.recorded_program import Recorded, run
from tests.surroundings import STACKS, own_layer, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

CHART = "kubernetes:helm.sh/v4:Chart"
NAMESPACE = "kubernetes:core/v1:Namespace"
GATEWAY_CHARTS = {
    "istio-ingress/istio-ingressgateway",
    "istio-internal/istio-internalgateway",
    "istio-egress/istio-egressgateway",
}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


@pytest.fixture(scope="module", params=STACKS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with surroundings(tmp_path_factory.mktemp(request.param) / "machine"):
        found = run(request.param)
    assert found.error is None
    return found


def istio_objects(recorded: Recorded) -> list[Any]:
    return [r for r in recorded.resources if ".istio.io/" in r.type]


class TestGraph:
    def test_every_resource_of_the_cluster_has_the_explicit_provider(self, recorded: Recorded) -> None:
        provider, _ = providers(recorded)
        wrong = [
            r.name for r in recorded.resources if r.type.startswith("kubernetes:") and provider.urn not in r.provider
        ]
        assert not wrong

    def test_the_provider_is_never_replaced_by_a_new_address(self, recorded: Recorded) -> None:
        made = "projects/acme-chatgpt-{}/locations/us-central1/clusters/chatgpt"
        for provider in providers(recorded):
            assert provider.inputs["clusterIdentifier"] in {*STACKS, made.format("prod"), made.format("staging")}
            assert provider.inputs["enableServerSideApply"] in (True, "true")

    def test_only_definitions_are_adopted(self, recorded: Recorded) -> None:
        objects, definitions = providers(recorded)
        assert "upsertExistingObjects" not in objects.inputs
        assert definitions.inputs["upsertExistingObjects"] in (True, "true")

    def test_every_istio_object_belongs_to_the_component_of_its_declaration(self, recorded: Recorded) -> None:
        components = {r.urn for r in recorded.resources if r.type.startswith("chatgpt-mesh:mesh:")}
        assert istio_objects(recorded)
        assert {r.parent for r in istio_objects(recorded)} <= components
        assert recorded.named("VirtualService/chatgpt-production/chatgpt-mcp").parent.endswith("App::chatgpt-mcp")
        assert recorded.named("Gateway/istio-ingress/public").parent.endswith("Gateway::public")

    def test_charts_belong_to_istio_and_to_their_gateways(self, recorded: Recorded) -> None:
        parents = {r.name: r.parent.rpartition("::")[-1] for r in recorded.of_type(CHART)}
        assert parents["istiod"] == "istio"
        assert parents["istio-ingress/istio-ingressgateway"] == "public"


class TestOrder:
    """What is created first is destroyed last."""

    def test_istio_objects_then_gateways_then_istiod_then_base(self, recorded: Recorded) -> None:
        charts = {r.name: r for r in recorded.of_type(CHART)}
        for istio_object in istio_objects(recorded):
            before = recorded.depends_on(istio_object)
            assert {charts[name].urn for name in GATEWAY_CHARTS} <= before
        for name in GATEWAY_CHARTS:
            assert charts["istiod"].urn in recorded.depends_on(charts[name])
        assert charts["istio-base"].urn in recorded.depends_on(charts["istiod"])
        assert recorded.named("istio-system").urn in recorded.depends_on(charts["istio-base"])

    def test_a_namespace_with_injection_waits_for_the_injector(self, recorded: Recorded) -> None:
        istiod = recorded.named("istiod")
        injected = [r for r in recorded.of_type(NAMESPACE) if "istio-injection" in r.inputs["metadata"]["labels"]]
        assert injected
        assert all(istiod.urn in recorded.depends_on(r) for r in injected)

    def test_what_lives_in_a_namespace_comes_after_it(self, recorded: Recorded) -> None:
        namespaces = {r.name: r.urn for r in recorded.of_type(NAMESPACE)}
        for istio_object in istio_objects(recorded):
            home = istio_object.inputs["metadata"]["namespace"]
            assert namespaces[home] in recorded.depends_on(istio_object)

    def test_a_route_comes_after_what_it_leads_to_and_what_guards_its_way(self, recorded: Recorded) -> None:
        before = recorded.depends_on(recorded.named("VirtualService/chatgpt-production/chatgpt-mcp"))
        for needed in (
            "DestinationRule/chatgpt-production/chatgpt-mcp",
            "DestinationRule/chatgpt-production/chatgpt-mcp-v1",
            "DestinationRule/chatgpt-production/chatgpt-mcp-v2",
            "AuthorizationPolicy/chatgpt-production/chatgpt-mcp-callers",
            "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge",
            "RequestAuthentication/istio-ingress/public-tokens",
            "PeerAuthentication/istio-system/default",
            "Gateway/istio-ingress/public",
        ):
            assert recorded.named(needed).urn in before, needed

    def test_an_apps_route_does_not_wait_for_the_rest_of_the_mesh(self, recorded: Recorded) -> None:
        before = recorded.depends_on(recorded.named("VirtualService/chatgpt-production/chatgpt-api-mesh"))
        assert not [urn for urn in before if "chatgpt-mcp" in urn or ":VirtualService::" in urn]

    def test_destroy_takes_routes_then_the_rest_of_istio_then_gateways_then_istiod(self, recorded: Recorded) -> None:
        place = {urn: number for number, urns in enumerate(recorded.deleted_in_rounds()) for urn in urns}
        routes = [place[r.urn] for r in istio_objects(recorded) if r.type.endswith(":VirtualService")]
        rest = [place[r.urn] for r in istio_objects(recorded) if not r.type.endswith(":VirtualService")]
        gateways = [place[r.urn] for r in recorded.of_type(CHART) if r.name in GATEWAY_CHARTS]
        istiod = place[recorded.named("istiod").urn]
        assert max(routes) < min(rest)
        assert max(rest) < min(gateways)
        assert max(gateways) < istiod

    def test_a_route_that_others_go_on_by_ends_its_step_when_every_proxy_has_it(self, recorded: Recorded) -> None:
        for istio_object in istio_objects(recorded):
            waits = istio_object.name.endswith("-from-gateway")
            expected = ("every-proxy-has-acknowledged",) if waits else ()
            assert istio_object.after_create == istio_object.after_update == expected

    def test_what_can_cut_a_stream_or_end_a_session_is_told_before_it_is_changed(self, recorded: Recorded) -> None:
        telling = {one.type.rpartition(":")[2] for one in istio_objects(recorded) if one.before_update}
        assert telling == KINDS & {one.type.rpartition(":")[2] for one in istio_objects(recorded)}


class TestMistakes:
    THREE = {
        "istio": {"control_plane": {"replica": {"min": 3}}},
        "gateways": {"public": {"workload": {"replicas": {"min": "3"}}}},
        "apps": {"chatgpt-mcp": {"callers": [{"app": "chatgpt-frontent"}]}},
    }

    def test_three_mistakes_are_three_sentences_and_nothing_is_registered(self) -> None:
        recorded = run("staging", {**own_layer("staging"), **self.THREE})
        assert recorded.resources == []
        assert recorded.exports == {}
        assert recorded.error is not None
        heading, *sentences = recorded.error.splitlines()
        assert heading == "3 mistakes in the configuration:"
        by_path = dict(sentence.strip().split(": ", 1) for sentence in sentences)
        assert by_path["istio.control_plane.replica"] == "is not a setting; did you mean `replicas`?"
        assert by_path["gateways.public.workload.replicas.min"] == "must be a whole number, without quotes (given: '3')"
        (dangling,) = [text for path, text in by_path.items() if path.startswith("apps.chatgpt-mcp.callers")]
        assert "chatgpt-frontent" in dangling

    def test_a_context_that_the_kubeconfig_lacks_stops_the_program(self) -> None:
        recorded = run("staging", {**own_layer("staging"), "cluster": {"kind": "existing", "context": "elsewhere"}})
        assert recorded.resources == []
        assert recorded.error is not None
        assert "cluster.context: is not in " in recorded.error
        assert "(given: 'elsewhere')" in recorded.error

    def test_an_unreadable_kubeconfig_stops_the_program(self) -> None:
        cluster = {"kind": "existing", "kubeconfig": "/nowhere/kubeconfig"}
        recorded = run("staging", {**own_layer("staging"), "cluster": cluster})
        assert recorded.resources == []
        assert recorded.error is not None
        assert "cluster.kubeconfig: cannot read /nowhere/kubeconfig: No such file or directory" in recorded.error

    def test_a_variable_that_is_not_set_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ISTIO_CHARTS")
        recorded = run("lab")
        assert recorded.resources == []
        assert recorded.error is not None
        assert "istio.charts: names the environment variable ISTIO_CHARTS, which is not set" in recorded.error


def test_a_scalar_arrives_from_pulumi_as_what_the_stack_file_says() -> None:
    allowed = run("staging", {**own_layer("staging"), "faults_allowed": True})
    refused = run("staging", {**own_layer("staging"), "faults_allowed": False})
    assert allowed.error is None
    assert refused.error is not None
    assert "faults" in refused.error


@pytest.mark.parametrize("given", ["[secret]", "[", "{", "{a", "[" * 100_000])
def test_a_text_that_begins_as_json_is_judged_as_the_text_it_is(given: str) -> None:
    refused = run("staging", {**own_layer("staging"), "trust_domain": given})
    assert refused.error is not None
    assert "trust_domain: must be a trust domain" in refused.error


@pytest.mark.parametrize("given", ["[1", "{x", "a: b: c", "%FOO", "!!int x", "9" * 5000])
def test_what_is_no_boolean_is_told_so(given: str) -> None:
    refused = run("staging", {**own_layer("staging"), "faults_allowed": given})
    assert refused.error is not None
    assert "faults_allowed: " in refused.error
