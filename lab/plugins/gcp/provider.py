"""A provider that plans Google Cloud resources and never touches the cloud.

A preview echoes the inputs and leaves every other output unknown, so that a program that uses an output as if it were
known is caught. Creating, updating and deleting are refused.
"""

from __future__ import annotations

import copy
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import ResourceProviderServicer, plugin_pb2, provider_pb2

from lab.json_types import is_object
from lab.plugins.difference import differences
from lab.plugins.plugin import EngineLog, PluginError, answers, configure_response, handshake_response
from lab.plugins.wire import UNKNOWN, Value, decode_struct, encode_struct, property_path, reveal, without_nulls

if TYPE_CHECKING:
    import grpc

STAND_IN = "This is the lab's stand-in for pulumi-resource-gcp: it plans only and never reaches Google Cloud."

# Outputs inside a block that a program also sets: absent from the inputs, they would read as null instead of unknown.
NESTED_OUTPUTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "gcp:container/cluster:Cluster": (
        ("masterAuth", "clusterCaCertificate"),
        ("masterAuth", "clientCertificate"),
        ("masterAuth", "clientKey"),
        ("privateClusterConfig", "privateEndpoint"),
        ("privateClusterConfig", "publicEndpoint"),
        ("privateClusterConfig", "peeringName"),
        ("controlPlaneEndpointsConfig", "dnsEndpointConfig", "endpoint"),
        ("controlPlaneEndpointsConfig", "ipEndpointsConfig", "privateEndpoint"),
        ("controlPlaneEndpointsConfig", "ipEndpointsConfig", "publicEndpoint"),
    ),
    "gcp:container/nodePool:NodePool": (("networkConfig", "podRange"),),
}


def planned_outputs(token: str, inputs: dict[str, Value]) -> dict[str, Value]:
    """The outputs of a resource in a preview: its inputs, with what only Google Cloud decides unknown or left out."""
    outputs = copy.deepcopy(inputs)
    for *parents, last in NESTED_OUTPUTS.get(token, ()):
        block: Value = outputs
        for key in parents:
            block = block.get(key) if is_object(block) else None
        if is_object(block):
            block.setdefault(last, UNKNOWN)
    return outputs


class GcpPlanner(ResourceProviderServicer):
    """Plans; see the module's text."""

    def __init__(self, engine_address: str) -> None:
        self.log = EngineLog(engine_address)

    @answers
    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return handshake_response()

    @answers
    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo(version=installed_version("pulumi-gcp"))

    @answers
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return provider_pb2.CheckResponse(inputs=request.news)

    @answers
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return _diff(request)

    @answers
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        self.log.info(STAND_IN)
        return configure_response()

    @answers
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return provider_pb2.CheckResponse(inputs=request.news)

    @answers
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return _diff(request)

    @answers
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        if not request.preview:
            raise _plans_only(request, "created")
        outputs = planned_outputs(_token(request), decode_struct(request.properties))
        return provider_pb2.CreateResponse(properties=encode_struct(outputs))

    @answers
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        if not request.preview:
            raise _plans_only(request, "updated")
        outputs = {**decode_struct(request.olds), **planned_outputs(_token(request), decode_struct(request.news))}
        return provider_pb2.UpdateResponse(properties=encode_struct(outputs))

    @answers
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        """The recorded state is all that is known without the cloud."""
        if not request.properties.fields:
            raise _plans_only(request, "read")
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    @answers
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        raise _plans_only(request, "deleted")

    @answers
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        raise PluginError(
            f"{request.tok} needs Google Cloud, and this is the lab's stand-in for pulumi-resource-gcp, "
            "which only plans. Install the real plugin and give it credentials."
        )

    @answers
    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        raise PluginError(
            f"{request.type} is not in the lab's stand-in for pulumi-resource-gcp; install the real plugin."
        )

    @answers
    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return empty_pb2.Empty()


def _token(request: Any) -> str:
    return request.type or request.urn.split("::")[2].split("$")[-1]


def _plans_only(request: Any, action: str) -> PluginError:
    return PluginError(
        f"{_token(request)} cannot be {action}: this is the lab's stand-in for pulumi-resource-gcp, which plans only. "
        "Install the real plugin (`pulumi plugin install resource gcp`) and give it credentials."
    )


def _diff(request: Any) -> provider_pb2.DiffResponse:
    """What differs in the inputs. Which fields force a replacement only the real plugin knows."""
    old = without_nulls(reveal(decode_struct(request.old_inputs)))
    new = without_nulls(reveal(decode_struct(request.news)))
    changes = differences(old, new)
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=list(dict.fromkeys(str(change.path[0]) for change in changes)),
        hasDetailedDiff=True,
    )
    for change in changes:
        entry = response.detailedDiff[property_path(change.path)]
        entry.kind = provider_pb2.PropertyDiff.Kind.Value(str(change.kind))
        entry.inputDiff = True
    return response
