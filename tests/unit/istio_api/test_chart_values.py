"""The values of Istio's charts: all that a chart knows can be written, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chatgpt_mesh.istio_api import chart_values
from chatgpt_mesh.istio_api.chart_values import (
    BaseValues,
    BaseValues_Base,
    CniValues,
    GatewayValues,
    GatewayValues_PodDisruptionBudget,
    GatewayValues_Service,
    IstiodValues,
    IstiodValues_Global,
    IstiodValues_Global_Proxy,
    IstiodValues_Pdb,
    IstiodValues_Tracer,
    Resources,
    ServicePort,
)
from chatgpt_mesh.istio_api.generate.istio_modules import module_directory
from chatgpt_mesh.istio_api.mesh_config import (
    MeshConfig,
    MeshConfig_OutboundTrafficPolicy,
    MeshConfig_OutboundTrafficPolicy_Mode,
)
from chatgpt_mesh.istio_api.message import ChartValues, InvalidMessage, MessageType, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHARTS: tuple[type[ChartValues], ...] = (BaseValues, CniValues, GatewayValues, IstiodValues)


def directory(chart: type[ChartValues]) -> Path:
    return module_directory("istio.io/istio") / "manifests" / "charts" / chart.DIRECTORY


def defaults(chart: type[ChartValues]) -> dict[str, Any]:
    return yaml.safe_load((directory(chart) / "values.yaml").read_text())["_internal_defaults_do_not_set"]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.CHART)
def test_the_chart_is_where_the_class_says(chart: type[ChartValues]) -> None:
    assert yaml.safe_load((directory(chart) / "Chart.yaml").read_text())["name"] == chart.CHART


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.CHART)
def test_every_default_of_the_chart_can_be_written(chart: type[ChartValues]) -> None:
    given = without_unset(defaults(chart))
    assert without_unset(chart.from_dict(given).to_dict()) == spelled_as_written(given)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.CHART)
def test_every_field_is_a_default_or_read_by_a_template(chart: type[ChartValues]) -> None:
    sources = "\n".join(
        file.read_text()
        for folder in ("templates", "files")
        for file in (directory(chart) / folder).iterdir()
        if file.is_file() and not file.name.startswith("profile-")
    )
    schema = directory(chart) / "values.schema.json"  # names what a template writes as a whole
    words = set(re.findall(r"[\w-]+", sources + (schema.read_text() if schema.exists() else "")))
    tree = defaults(chart)
    for path in json_paths(chart):
        value: Any = tree
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        assert value is not None or path[-1] in words, ".".join(path)


def test_the_gateway_chart_s_own_schema_knows_no_key_more() -> None:
    schema = yaml.safe_load((directory(GatewayValues) / "values.schema.json").read_text())["$defs"]["values"]
    ignored = {
        # Allowed by the schema, read by no template: setting them does nothing.
        "enabled",
        "pilot",
        "runAsRoot",
        "unprivilegedPort",
        "defaultRevision",
        # Filled by the chart itself.
        "_internal_defaults_do_not_set",
    }
    fields = {field.json_name for field in fields_of(GatewayValues)}
    assert schema["properties"].keys() - fields == ignored
    assert fields <= schema["properties"].keys()


@pytest.mark.parametrize(
    ("chart", "values", "mistake"),
    [
        (IstiodValues, {"autoscaleMim": 2}, "autoscaleMim: unknown field of IstiodValues; did you mean autoscaleMin?"),
        (
            IstiodValues,
            {"meshConfig": {"acessLogFile": "/dev/stdout"}},
            "meshConfig.acessLogFile: unknown field of MeshConfig; did you mean accessLogFile?",
        ),
        (
            IstiodValues,
            {"global": {"proxy": {"tracer": "jaeger"}}},
            f"global.proxy.tracer: must be one of {', '.join(IstiodValues_Tracer)} (given: 'jaeger')",
        ),
        (CniValues, {"ambient": {"enable": True}}, "ambient.enable: unknown field of CniValues_Ambient; did you mean"),
        (BaseValues, {"base": {"validationFailurePolcy": "Fail"}}, "did you mean validationFailurePolicy?"),
        (
            GatewayValues,
            {"service": {"port": []}},
            "service.port: unknown field of GatewayValues_Service; did you mean",
        ),
        (GatewayValues, {"replicaCount": "3"}, "replicaCount: must be a whole number (given: '3')"),
        # Known to the protobuf file, but inert in 1.31: written at the wrong level, or read by no template.
        (IstiodValues, {"pilot": {"autoscaleMin": 2}}, "pilot: unknown field of IstiodValues"),
        (IstiodValues, {"global": {"arch": {"amd64": 2}}}, "global.arch: unknown field of IstiodValues_Global"),
    ],
)
def test_what_the_chart_would_drop_in_silence_is_refused(chart: type[ChartValues], values: Any, mistake: str) -> None:
    with pytest.raises(InvalidMessage, match=re.escape(mistake)):
        chart.from_dict(values)


def test_values_are_written_as_the_charts_spell_them() -> None:
    assert IstiodValues(
        autoscale_min=2,
        pdb=IstiodValues_Pdb(min_available="50%", unhealthy_pod_eviction_policy="AlwaysAllow"),
        resources=Resources(requests={"cpu": "500m", "memory": "2Gi"}),
        mesh_config=MeshConfig(
            access_log_file="",
            outbound_traffic_policy=MeshConfig_OutboundTrafficPolicy(
                mode=MeshConfig_OutboundTrafficPolicy_Mode.REGISTRY_ONLY
            ),
        ),
        global_=IstiodValues_Global(log_as_json=True, mesh_id="prod", proxy=IstiodValues_Global_Proxy()),
    ).to_dict() == {
        "autoscaleMin": 2,
        "pdb": {"minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
        "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}},
        "meshConfig": {"accessLogFile": "", "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}},
        "global": {"logAsJson": True, "meshID": "prod", "proxy": {}},
    }
    assert GatewayValues(
        name="istio-ingressgateway",
        service=GatewayValues_Service(
            load_balancer_ip="10.0.0.1",
            ports=[ServicePort(name="https", port=443, target_port=8443)],
            load_balancer_source_ranges=["10.0.0.0/8"],
        ),
        pod_disruption_budget=GatewayValues_PodDisruptionBudget(min_available=1),
    ).to_dict() == {
        "name": "istio-ingressgateway",
        "service": {
            "loadBalancerIP": "10.0.0.1",
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "ports": [{"name": "https", "port": 443, "targetPort": 8443}],
        },
        "podDisruptionBudget": {"minAvailable": 1},
    }
    assert BaseValues(base=BaseValues_Base(validation_failure_policy="Fail", validation_ca_bundle="x")).to_dict() == {
        "base": {"validationFailurePolicy": "Fail", "validationCABundle": "x"}
    }


def test_an_empty_list_replaces_a_default_list() -> None:
    assert GatewayValues(service=GatewayValues_Service(ports=[])).to_dict() == {"service": {"ports": []}}
    assert CniValues(tolerations=[], exclude_namespaces=[]).to_dict() == {"tolerations": [], "excludeNamespaces": []}


def test_ambient_only_charts_are_not_offered() -> None:
    assert not [name for name in chart_values.__all__ if name.startswith("Ztunnel")]


def json_paths(message: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a chart, down to where another API begins."""
    for field in fields_of(message):
        yield (*path, field.json_name)
        if isinstance(field.type, MessageType) and field.type.message not in (MeshConfig, Resources):
            yield from json_paths(field.type.message, (*path, field.json_name))


def without_unset(value: Any) -> Any:
    """The value without what stands for "not set" in a values.yaml: null, and empty objects and lists."""
    if isinstance(value, dict):
        inner = {key: without_unset(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, {}, [])}
    return [without_unset(item) for item in value] if isinstance(value, list) else value


def spelled_as_written(value: Any) -> Any:
    """Durations in seconds, as `to_dict` writes them."""
    return {key: "1800s" if item == "30m" else item for key, item in value.items()}
