"""`kubernetes:helm.sh/v4:Chart`: a component whose children are the objects that the chart renders."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, cast

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from lab.plugins.kubernetes.chart import ChartRequest, dependencies, render, set_namespaces
from lab.plugins.kubernetes.objects import SKIP_AWAIT, annotations_of
from lab.plugins.plugin import CHANNEL_OPTIONS, EngineLog, InvalidPropertiesError, PluginError
from lab.plugins.wire import (
    UNKNOWN,
    ResourceReference,
    Secret,
    contains_unknown,
    decode_struct,
    encode_struct,
    hide_texts,
    reveal,
    secret_texts,
    without_texts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi.runtime.proto import alias_pb2

    from lab.json_types import JsonObject
    from lab.plugins.kubernetes.connection import Connection
    from lab.plugins.kubernetes.discovery import Discovery, Plan

CHART_TYPE = "kubernetes:helm.sh/v4:Chart"
RESOURCE_POLICY = "helm.sh/resource-policy"


def resource_type(manifest: JsonObject) -> str:
    """The type token of Pulumi's own plugin: `kubernetes:core/v1:Service`, `kubernetes:apps/v1:Deployment`."""
    api_version: str = manifest["apiVersion"]
    return f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{manifest['kind']}"


def resource_name(manifest: JsonObject, prefix: str) -> str:
    """The name of Pulumi's own plugin: `PREFIX:NAMESPACE/NAME`, without the parts that are empty."""
    namespace, name = manifest["metadata"].get("namespace"), manifest["metadata"]["name"]
    own = f"{namespace}/{name}" if namespace else name
    return f"{prefix}:{own}" if prefix else own


class ResourceMonitor(Protocol):
    """What a chart asks of the engine; the stub generated for its service leaves the types out."""

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse: ...


class ChartConstructor:
    """Constructs charts against one cluster."""

    def __init__(
        self, connection: Connection, discovery: Discovery, plan: Plan, log: EngineLog, namespace: str, version: str
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._plan = plan
        self._log = log
        self._namespace = namespace
        self._version = version

    def construct(self, request: provider_pb2.ConstructRequest) -> provider_pb2.ConstructResponse:
        """Register the component, render, register the children. Raises PluginError; nothing is left half said."""
        inputs = decode_struct(request.inputs)
        if "chart" not in inputs:
            raise InvalidPropertiesError({"chart": "is missing: name a chart, or the path of a local one"})
        with grpc.insecure_channel(request.monitorEndpoint, options=CHANNEL_OPTIONS) as channel:
            monitor = cast("ResourceMonitor", resource_pb2_grpc.ResourceMonitorStub(channel))
            urn = monitor.RegisterResource(_component(request)).urn
            if contains_unknown(inputs):
                self._log.warning("Input properties have unknown values. Preview is incomplete.", urn)
                return provider_pb2.ConstructResponse(urn=urn, state=encode_struct({"resources": UNKNOWN}))
            try:
                manifests = self._manifests(request.name, reveal(inputs))
            except PluginError as error:
                raise PluginError(without_texts(str(error), secret_texts(inputs))) from error
            prefix = reveal(inputs.get("resourcePrefix"))
            registrations = [
                self._child(request, urn, manifest, request.name if prefix is None else prefix, inputs)
                for manifest in manifests
            ]
            answers = _register(monitor, registrations, dependencies(manifests))
        references = [
            ResourceReference(answer.urn, answer.id or UNKNOWN, registration.version)
            for answer, registration in zip(answers, registrations, strict=True)
        ]
        response = provider_pb2.ConstructResponse(urn=urn, state=encode_struct({"resources": references}))
        response.stateDependencies["resources"].urns.extend(answer.urn for answer in answers)
        return response

    def _manifests(self, name: str, inputs: JsonObject) -> list[JsonObject]:
        chart = ChartRequest.of(name, inputs, self._namespace)
        manifests = render(chart, self._connection, self._discovery)
        set_namespaces(manifests, chart.namespace, self._is_namespaced, f"The chart {chart.chart}")
        for manifest in manifests:
            # Another instance of this plugin may be the one that registers them, and this one then plans objects.
            self._plan.record(manifest)
            if inputs.get("skipAwait"):
                manifest["metadata"]["annotations"] = {**annotations_of(manifest), SKIP_AWAIT: "true"}
        return manifests

    def _is_namespaced(self, api_version: str, kind: str) -> bool | None:
        served = self._discovery.find(api_version, kind)
        return served.namespaced if served else self._plan.namespaced(api_version, kind)

    def _child(
        self, request: provider_pb2.ConstructRequest, parent: str, manifest: JsonObject, prefix: str, inputs: JsonObject
    ) -> resource_pb2.RegisterResourceRequest:
        name = resource_name(manifest, prefix)
        properties = hide_texts(manifest, secret_texts(inputs))
        if manifest["kind"] == "Secret" and manifest["apiVersion"] == "v1":
            for key in ("data", "stringData"):
                if key in manifest:
                    properties[key] = Secret(manifest[key])
        child = resource_pb2.RegisterResourceRequest(
            type=resource_type(manifest),
            name=name,
            parent=parent,
            custom=True,
            object=encode_struct(properties),
            provider=request.providers.get("kubernetes", ""),
            version=self._version,
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
            supportsResultReporting=False,
        )
        policy = annotations_of(manifest).get(RESOURCE_POLICY)
        if policy == "keep":
            child.retainOnDelete = True
        elif policy is not None:
            self._log.warning(f"Unsupported Helm resource policy {policy!r} on {manifest['kind']} {name}", parent)
        return child


class _Aliased(Protocol):
    """A request's aliases; the stub of `ConstructRequest` names their type by a module that does not exist."""

    @property
    def aliases(self) -> Sequence[alias_pb2.Alias]: ...


def _component(request: provider_pb2.ConstructRequest) -> resource_pb2.RegisterResourceRequest:
    """The component's own registration, with the options that the program gave it."""
    component = resource_pb2.RegisterResourceRequest(
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=False,
        providers=dict(request.providers),
        dependencies=list(request.dependencies),
        aliases=list(cast("_Aliased", request).aliases),
        additionalSecretOutputs=list(request.additionalSecretOutputs),
        ignoreChanges=list(request.ignoreChanges),
        replaceOnChanges=list(request.replaceOnChanges),
        replace_with=list(request.replace_with),
        deletedWith=request.deletedWith,
        acceptSecrets=True,
        acceptResources=True,
    )
    # Unset and false differ here: what is unset is inherited from the parent by the engine.
    for option in ("protect", "retainOnDelete"):
        if request.HasField(option):
            setattr(component, option, getattr(request, option))
    if request.HasField("deleteBeforeReplace"):
        component.deleteBeforeReplace = request.deleteBeforeReplace
        component.deleteBeforeReplaceDefined = True
    if request.HasField("customTimeouts"):
        component.customTimeouts.create = request.customTimeouts.create
        component.customTimeouts.update = request.customTimeouts.update
        component.customTimeouts.delete = request.customTimeouts.delete
    if request.HasField("resource_hooks"):
        for hook in ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete"):
            getattr(component.hooks, hook).extend(getattr(request.resource_hooks, hook))
    if request.HasField("replacement_trigger"):
        component.replacement_trigger.CopyFrom(request.replacement_trigger)
    return component


def _register(
    monitor: ResourceMonitor,
    registrations: Sequence[resource_pb2.RegisterResourceRequest],
    needs: Sequence[Sequence[int]],
) -> list[resource_pb2.RegisterResourceResponse]:
    """Register all children at once, each after those it needs; the first failure ends it, after all have answered."""
    futures: list[Future[resource_pb2.RegisterResourceResponse]] = [Future() for _ in registrations]

    def register(index: int) -> None:
        try:
            for need in needs[index]:
                registrations[index].dependencies.append(futures[need].result().urn)
            futures[index].set_result(monitor.RegisterResource(registrations[index]))
        except BaseException as failure:
            futures[index].set_exception(failure)

    with ThreadPoolExecutor(max_workers=max(len(registrations), 1)) as pool:
        for index in range(len(registrations)):
            pool.submit(register, index)
    failures = [failure for future in futures if (failure := future.exception()) is not None]
    if failures:
        if isinstance(failures[0], grpc.RpcError):
            raise failures[0]
        raise PluginError(str(failures[0])) from failures[0]
    return [future.result() for future in futures]
