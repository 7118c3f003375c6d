"""From the values of Istio's charts to Python classes.

Types come from, in this order: Kubernetes shapes by the name of the key, `values_types.proto`, the default, the chart's
JSON Schema, and the table TYPES for what none of them tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from google.protobuf import descriptor_pb2

from chatgpt_mesh.istio_api.generate.charts import CHARTS, Chart, Value, known_values, values_schema
from chatgpt_mesh.istio_api.generate.istio_modules import VALUES_TYPES, module_version, values_types
from chatgpt_mesh.istio_api.generate.message_source import SCALARS, WELL_KNOWN
from chatgpt_mesh.istio_api.generate.messages import python_field_name
from chatgpt_mesh.istio_api.generate.python_source import Definition, EnumSource, FieldSource, MessageSource

FieldProto = descriptor_pb2.FieldDescriptorProto

_TEXT_MAP = ("Mapping[str, str]", "map of string")
_OBJECT = ("Mapping[str, Any]", "free-form Kubernetes object")
_OBJECTS = ("Sequence[Mapping[str, Any]]", "list of free-form Kubernetes objects")
_TEXTS = ("Sequence[str]", "list of string")
_INT_OR_STRING = ("IntOrString", "int or string")

KUBERNETES_SHAPES = {
    **dict.fromkeys(("labels", "podLabels", "deploymentLabels", "daemonSetLabels", "selectorLabels"), _TEXT_MAP),
    **dict.fromkeys(("annotations", "podAnnotations", "serviceAnnotations", "deploymentAnnotations"), _TEXT_MAP),
    **dict.fromkeys(("serviceAccountAnnotations", "sidecarInjectorWebhookAnnotations"), _TEXT_MAP),
    **dict.fromkeys(("injectedAnnotations", "nodeSelector", "env"), _TEXT_MAP),
    **dict.fromkeys(("affinity", "strategy", "updateStrategy", "autoscaleBehavior", "lifecycle"), _OBJECT),
    **dict.fromkeys(("securityContext", "containerSecurityContext", "seccompProfile", "seLinuxOptions"), _OBJECT),
    **dict.fromkeys(("readinessProbe", "dnsConfig"), _OBJECT),
    **dict.fromkeys(("tolerations", "topologySpreadConstraints", "volumes", "volumeMounts"), _OBJECTS),
    **dict.fromkeys(("initContainers", "additionalContainers", "envVarFrom"), _OBJECTS),
    **dict.fromkeys(("ipFamilies", "loadBalancerSourceRanges", "externalIPs"), _TEXTS),
    **dict.fromkeys(("resources", "defaultResources"), ("Resources", "Resources")),
}

TYPES = {
    # Deeper than the schema of values: istiod's own configuration is typed as a whole.
    "istiod.meshConfig": ("MeshConfig", "MeshConfig"),
    # The protobuf file says a list of objects; the chart writes the arguments of a container.
    "istiod.extraContainerArgs": _TEXTS,
    # The default is one of the two forms that Kubernetes takes.
    "istiod.pdb.minAvailable": _INT_OR_STRING,
    "istiod.pdb.maxUnavailable": _INT_OR_STRING,
    # Ports by name; both parts go into a Service as they are.
    "gateway.networkGatewayPorts": ("Mapping[str, Mapping[str, Any]]", "map of Kubernetes service ports"),
    "gateway.service.ports": ("Sequence[ServicePort]", "list of ServicePort"),
    # The default is an empty object for a number that is not set.
    "gateway.autoscaling.targetMemoryUtilizationPercentage": ("Int32", "int32"),
    # Selectors of pods and namespaces.
    "cni.ambient.enablementSelectors": _OBJECTS,
    # Read by templates only.
    "base.base.validationFailurePolicy": ("str", "string: Fail or Ignore"),
    "istiod.base.validationFailurePolicy": ("str", "string: Fail or Ignore"),
    "istiod.terminationMessagePolicy": ("str", "string: File or FallbackToLogsOnError"),
    "istiod.trafficDistribution": ("str", "string: PreferSameZone, PreferSameNode or PreferClose"),
    "istiod.global.proxy.capNetBindService": ("str", "string: true or false"),
    "istiod.global.proxy.variant": ("str", "string: debug or distroless"),
    "istiod.global.trustDomain": ("str", "string"),
    "istiod.global.trustBundleName": ("str", "string"),
    "gateway.service.allocateLoadBalancerNodePorts": ("bool", "bool"),
    "gateway.service.internalTrafficPolicy": ("str", "string: Cluster or Local"),
    "gateway.service.loadBalancerClass": ("str", "string"),
    **{
        f"{chart.name}.{key}": ("str", "string")
        for chart in CHARTS
        for key in ("platform", "profile", "compatibilityVersion")
    },
    **{f"{chart.name}.global.{key}": ("str", "string") for chart in CHARTS for key in ("platform", "profile")},
}

SHARED = (
    MessageSource(
        "Resources",
        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
        (
            FieldSource("limits", "limits", "Mapping[str, str]", "EMPTY_MAP", 'map of quantities, such as "500m"'),
            FieldSource("requests", "requests", "Mapping[str, str]", "EMPTY_MAP", 'map of quantities, such as "128Mi"'),
        ),
    ),
    MessageSource(
        "ServicePort",
        "https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/#ServiceSpec",
        (
            FieldSource("name", "name", "str", "", "string; required, since a gateway has several ports"),
            FieldSource("port", "port", "Int32", "", "int32; required"),
            FieldSource("protocol", "protocol", "str", "None", "string: TCP, UDP or SCTP"),
            FieldSource("target_port", "targetPort", "IntOrString", "None", "int or string"),
            FieldSource("node_port", "nodePort", "Int32", "None", "int32"),
            FieldSource("app_protocol", "appProtocol", "str", "None", "string"),
        ),
    ),
)
"""Messages of chart_values that several charts use."""
SHARED_MODULE = "chart_values.kubernetes"


class ChartClasses:
    """The classes of one chart, outermost first."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.definitions: list[Definition] = []
        self.unknown: list[str] = []
        self.typed_by_table: set[str] = set()
        values = next(file for file in values_types().file if file.name == VALUES_TYPES)
        self._messages = {f".{values.package}.{m.name}": m for m in values.message_type}
        self._enums = {f".{values.package}.{e.name}": e for e in values.enum_type}
        roots = [self._messages[f".{values.package}.{name}"] for name in chart.protobuf]
        commit = module_version("istio.io/istio").rpartition("-")[2]
        self._page = f"https://github.com/istio/istio/blob/{commit}/manifests/charts/{chart.directory}/values.yaml"
        self._class(chart.class_name, (), known_values(chart), roots, values_schema(chart))
        if self.unknown:
            raise SystemExit(f"nothing tells the type of {', '.join(self.unknown)}; add them to TYPES in {__file__}")

    def _class(
        self,
        name: str,
        path: tuple[str, ...],
        value: Value,
        messages: list[descriptor_pb2.DescriptorProto],
        schema: Mapping[str, Any],
    ) -> None:
        place = len(self.definitions)
        below = value.below or dict.fromkeys(
            (*(f.json_name for m in messages for f in m.field), *_properties(schema)), Value()
        )
        fields = [
            self._field(name, (*path, key), inner, messages, _properties(schema).get(key, {}))
            for key, inner in below.items()
        ]
        constants = (
            (f'CHART: ClassVar[str] = "{self.chart.name}"', f'DIRECTORY: ClassVar[str] = "{self.chart.directory}"')
            if not path
            else ()
        )
        source = MessageSource(name, self._page, tuple(fields), "Message" if path else "ChartValues", constants)
        self.definitions.insert(place, source)

    def _field(
        self,
        owner: str,
        path: tuple[str, ...],
        value: Value,
        messages: list[descriptor_pb2.DescriptorProto],
        schema: Mapping[str, Any],
    ) -> FieldSource:
        key = path[-1]
        empty = not value.default
        protos = [f for m in messages for f in m.field if f.json_name == key][:1]
        place = ".".join((self.chart.name, *path))
        self.typed_by_table.update({place} & TYPES.keys())
        told = (
            TYPES.get(place)
            or KUBERNETES_SHAPES.get(key)
            or self._told_by_protobuf(protos, value)
            or _told_by_default(value)
            or _told_by_schema(schema)
        )
        if told is None and (value.below or protos or _properties(schema)):
            class_name = f"{owner}_{''.join(word[0].upper() + word[1:] for word in key.split('_'))}"
            inner = [self._messages[f.type_name] for f in protos if f.type_name in self._messages]
            self._class(class_name, path, value, inner, schema)
            told = (class_name, class_name)
        if told is None and value.has_default:
            told = _OBJECTS if isinstance(value.default, list) else _OBJECT
        if told is None:
            self.unknown.append(place)
            told = ("Any", "")
        annotation, words = told
        if "enum" in schema:
            words = f"string: {', '.join(choice for choice in schema['enum'] if choice)}"
        default = "None"
        if annotation.startswith("Sequence[") and empty:  # an empty list must be able to replace a default
            default = "()"
        elif annotation.startswith("Mapping[") and annotation != _OBJECT[0]:
            default = "EMPTY_MAP"
        return FieldSource(python_field_name(key), key, annotation, default, words + _default_note(value))

    def _told_by_protobuf(self, protos: list[FieldProto], value: Value) -> tuple[str, str] | None:
        for proto in protos:
            told = self._single_type(proto, value)
            if told and proto.label == FieldProto.LABEL_REPEATED:
                entry = proto.type_name.rpartition(".")[2]
                return _TEXT_MAP if entry.endswith("Entry") else (f"Sequence[{told[0]}]", f"list of {told[1]}")
            return told
        return None

    def _single_type(self, proto: FieldProto, value: Value) -> tuple[str, str] | None:
        if proto.type_name.endswith(".IntOrString"):
            return _INT_OR_STRING
        if proto.type_name in self._enums:
            enum = self._enums[proto.type_name]
            name = f"{self.chart.class_name}_{enum.name[0].upper()}{enum.name[1:]}"
            source = EnumSource(name, self._page, tuple(v.name for v in enum.value))
            if source not in self.definitions:
                self.definitions.append(source)
            return name, f"{name}: {', '.join(source.values)}"
        if proto.type_name == ".google.protobuf.Value":
            return _told_by_default(value) or WELL_KNOWN[proto.type_name]
        if proto.type_name in WELL_KNOWN:
            return WELL_KNOWN[proto.type_name]
        return None if proto.type_name else SCALARS[proto.type]


def idle_types() -> set[str]:
    """Entries of TYPES that no chart of the pinned release knows: left from another release, and harmless."""
    return TYPES.keys() - {place for chart in CHARTS for place in ChartClasses(chart).typed_by_table}


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema.get("properties", {})


def _told_by_default(value: Value) -> tuple[str, str] | None:
    match value.default:
        case bool():
            return "bool", "bool"
        case int():
            return "Int64", "int64"
        case float():
            return "float", "double"
        case str():
            return "str", "string"
        case [str(), *_]:
            return _TEXTS
        case _:
            return None


_BY_SCHEMA = {
    "boolean": ("bool", "bool"),
    "integer": ("Int64", "int64"),
    "number": ("float", "double"),
    "string": ("str", "string"),
}


def _told_by_schema(schema: Mapping[str, Any]) -> tuple[str, str] | None:
    given = schema.get("type", ())
    types = {given} if isinstance(given, str) else set(cast("list[str]", given))
    types.discard("null")
    if types == {"integer", "string"}:
        return _INT_OR_STRING
    if types == {"array"} and schema.get("items", {}).get("type") == "string":
        return _TEXTS
    if types == {"array"}:
        return _OBJECTS
    return _BY_SCHEMA.get(next(iter(types))) if len(types) == 1 else None


def _default_note(value: Value) -> str:
    if isinstance(value.default, bool | int | float) or (isinstance(value.default, str) and value.default):
        return f"; default {json.dumps(value.default)}"
    return ""
