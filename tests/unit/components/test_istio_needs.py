"""What a stack needs of an Istio that somebody else installs, and a sentence where a running one differs."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.components.istio_needs import Need, differences, needs_of
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.specs.injection import Injection
from chatgpt_mesh.control_plane.installation import Installation
from chatgpt_mesh.mesh.build import Mesh
from tests.unit.mesh.stack import mesh

pytestmark = pytest.mark.unit

TELEMETRY: dict[str, Any] = {
    "providers": {
        "otel": {"otlp": {"service": "otel-collector.observability.svc.cluster.local"}},
        "jaeger": {"zipkin": {"service": "jaeger.observability.svc.cluster.local", "port": 9411}},
    },
    "tracing": {"provider": "otel"},
}
OURS = mesh(
    "{host: null, gateway: null, auth: null}",
    telemetry=TELEMETRY,
    trust_domain="acme.example",
    security={"scope": "namespaces"},
    gateways="{}",
)


def needs(built: Mesh = OURS, platform: str | None = "gke") -> tuple[Need, ...]:
    return needs_of(built, Injection(revision="stable"), platform)


def theirs(**changes: Any) -> Installation:
    """An installation that has all of it, with changes."""
    config = mesh_config(OURS).to_dict() | changes.pop("mesh_config", {})
    values = {"global": {"proxy": {"excludeIPRanges": changes.pop("excluded", "10.9.0.0/16,169.254.169.254/32")}}}
    environment = changes.pop("environment", {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true", "PILOT_TRACE": "1"})
    assert not changes
    return Installation("1-31-4", config, environment, values)


def found(**changes: Any) -> list[str]:
    return differences(needs(), theirs(**changes))


def test_what_this_program_would_install_meets_every_need() -> None:
    assert found() == []


def test_each_need_says_what_why_and_where_it_is_declared() -> None:
    by_setting = {need.setting: need for need in needs()}
    assert str(by_setting["meshConfig.trustDomain"]) == (
        "meshConfig.trustDomain = acme.example, because the principals of every policy begin with it "
        "(declared at trust_domain)"
    )
    assert by_setting["meshConfig.defaultConfig.drainDuration"].declared_at == "apps.chatgpt-mcp.longest_call"
    assert by_setting["meshConfig.extensionProviders[otel]"].declared_at == "telemetry.providers.otel"


def test_a_namespace_that_somebody_else_makes_needs_the_labels_of_injection() -> None:
    [labels, *_] = needs_of(OURS, Injection(revision="stable"), None, {"chatgpt-production"})
    installed = Installation("stable", namespaces={"chatgpt-production": {"istio-injection": "enabled"}})
    assert str(labels.difference(installed)).startswith(
        'labels of namespace chatgpt-production is {"istio-injection": "enabled"}, and this stack needs '
        '{"istio.io/rev": "stable"}: its pods would have no sidecar'
    )
    assert (
        labels.difference(Installation("stable", namespaces={"chatgpt-production": {"istio.io/rev": "stable"}})) is None
    )


def test_a_provider_that_nothing_uses_is_not_asked_for() -> None:
    assert "meshConfig.extensionProviders[jaeger]" not in {need.setting for need in needs()}
    assert "meshConfig.extensionProviders[prometheus]" not in {need.setting for need in needs()}


def test_the_mesh_wide_policy_is_asked_for_where_the_stack_speaks_for_the_mesh() -> None:
    whole = {need.setting for need in needs(mesh())}
    assert {"meshConfig.outboundTrafficPolicy.mode", "meshConfig.rootNamespace"} <= whole
    assert "meshConfig.outboundTrafficPolicy.mode" not in {need.setting for need in needs()}


def test_istios_defaults_meet_some_needs_and_not_others() -> None:
    istio_as_it_comes = Installation("default")
    settings = {sentence.split(" ")[0] for sentence in differences(needs(mesh(), None), istio_as_it_comes)}
    assert settings == {
        "meshConfig.outboundTrafficPolicy.mode",
        "meshConfig.defaultHttpRetryPolicy",
        "meshConfig.defaultConfig.drainDuration",
        "meshConfig.defaultConfig.holdApplicationUntilProxyStarts",
        "istiod's",
        "meshConfig.extensionProviders[json-log]",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"mesh_config": {"trustDomain": "cluster.local"}},
            "meshConfig.trustDomain is cluster.local, and this stack needs acme.example: the principals of every "
            "policy begin with it (declared at trust_domain); ask whoever installs Istio (control plane 1-31-4) to set "
            "it.",
        ),
        (
            {"mesh_config": {"pathNormalization": {"normalization": "MERGE_SLASHES"}}},
            "meshConfig.pathNormalization.normalization is MERGE_SLASHES, and this stack needs BASE: ",
        ),
        (
            {"mesh_config": {"defaultConfig": {"drainDuration": "5m", "holdApplicationUntilProxyStarts": True}}},
            "meshConfig.defaultConfig.drainDuration is 5m, and this stack needs 600s or longer: ",
        ),
        (
            {"mesh_config": {"discoverySelectors": [{"matchLabels": {"team": "billing"}}]}},
            'meshConfig.discoverySelectors is [{"matchLabels": {"team": "billing"}}], and this stack needs empty, or '
            "with a selector that takes in kubernetes.io/metadata.name=chatgpt-production, istio.io/rev=stable: ",
        ),
        (
            {"environment": {}},
            "istiod's environment: PILOT_FILTER_GATEWAY_CLUSTER_CONFIG is not set, and this stack needs true: ",
        ),
        (
            {"excluded": "10.0.0.0/8"},
            "values.global.proxy.excludeIPRanges is 10.0.0.0/8, and this stack needs 169.254.169.254/32 among others: ",
        ),
        (
            {"mesh_config": {"defaultHttpRetryPolicy": {"attempts": 2}}},
            'meshConfig.defaultHttpRetryPolicy is {"attempts": 2}, and this stack needs {"attempts": 2, "retryOn": ',
        ),
    ],
)
def test_a_difference_is_a_sentence_with_the_mend(changes: dict[str, Any], said: str) -> None:
    [sentence] = found(**changes)
    assert sentence.startswith(said), sentence
    assert sentence.endswith("to set it.")


def test_a_provider_may_have_more_and_not_less() -> None:
    ours = {provider["name"]: provider for provider in mesh_config(OURS).to_dict()["extensionProviders"]}
    otel = ours.pop("otel")["opentelemetry"]

    def providers(**changed: Any) -> dict[str, Any]:
        return {"extensionProviders": [*ours.values(), {"name": "otel", "opentelemetry": {**otel, **changed}}]}

    assert found(mesh_config=providers(resourceDetectors={"environment": {}})) == []
    [other] = found(mesh_config=providers(service="elsewhere.example.com"))
    assert other.startswith("meshConfig.extensionProviders[otel] is {")
    [absent] = found(mesh_config={"extensionProviders": [*ours.values()]})
    assert absent.startswith("meshConfig.extensionProviders[otel] is not set, and this stack needs ")


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"istio.io/rev": "stable"}},
        {"matchExpressions": [{"key": "istio.io/rev", "operator": "In", "values": ["stable", "canary"]}]},
        {"matchExpressions": [{"key": "istio.io/rev", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]},
        {"matchExpressions": [{"key": "retired", "operator": "DoesNotExist"}]},
    ],
)
def test_one_selector_that_takes_the_namespace_in_is_enough(selector: dict[str, Any]) -> None:
    assert found(mesh_config={"discoverySelectors": [{"matchLabels": {"team": "billing"}}, selector]}) == []


@pytest.mark.parametrize("duration", ["600s", "10m", "10m0s", "1h", "600000ms"])
def test_durations_are_read_as_go_writes_them(duration: str) -> None:
    config = {"drainDuration": duration, "holdApplicationUntilProxyStarts": True}
    assert found(mesh_config={"defaultConfig": config}) == []


def test_statistics_that_dashboards_read_are_a_need_where_they_are_declared() -> None:
    seen = mesh(telemetry={"metrics": {"proxies": True}})
    setting = "meshConfig.defaultConfig.proxyStatsMatcher.inclusionSuffixes"
    assert setting in {need.setting for need in needs(seen)}
    assert setting not in {need.setting for need in needs()}
    (need,) = (one for one in needs(seen) if one.setting == setting)
    has = {"defaultConfig": {"proxyStatsMatcher": {"inclusionSuffixes": ["theirs", *need.value]}}}
    assert need.difference(Installation("1-31-4", has)) is None
    lacking = need.difference(Installation("1-31-4", {"defaultConfig": {}}))
    assert lacking is not None
    assert lacking.startswith(f"{setting} is not set, and this stack needs ")
