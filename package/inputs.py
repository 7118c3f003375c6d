"""What each component of the package takes and gives, as JSON Schema: specs of the stack file, at the top what
the component is about and beside it what it needs to know of the rest of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from chatgpt_mesh.package.names import stack_definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

APP, GATEWAY, MESH = "App", "Gateway", "Mesh"

OF_THE_PROGRAM = ("project", "project_number", "network", "cluster")
"""Settings that a component does without: it is given a provider of Kubernetes, and makes no cluster."""

_NAME = "Its name, which its objects, sentences and defaults have. Default: the name of the resource."


@dataclass(frozen=True, slots=True)
class Interface:
    """One component: `inputs` and `outputs` are JSON Schemas of objects, in the stack file's names."""

    description: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    definitions: Mapping[str, Any]
    """What `#/$defs/...` in them means."""


def interfaces() -> Mapping[str, Interface]:
    """The components of the package by name."""
    return {APP: _app(), GATEWAY: _gateway(), MESH: _mesh()}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _said(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _app() -> Interface:
    settings, definitions = stack_definitions()
    spec = definitions["AppSpec"]
    gateways = (
        "What there is to know of the gateways that serve it, by the name of Istio's Gateway object. Default: a "
        "gateway where this project puts it, of kind internal if that is its name and else public, with the release, "
        "the namespace and the labels of that kind, listening on 443 and 80. Whoever runs the gateway makes the "
        "listeners; say here on which ports they are where these are others, since policies hold by port."
    )
    return Interface(
        description=(
            "An MCP server or another app behind a gateway that is there, on an Istio that is there: its routes, OAuth "
            "discovery and challenge, verification of tokens, who may call it, rollout and limits."
        ),
        inputs={
            "properties": {
                "name": _text(_NAME),
                **spec["properties"],
                "gateways": _said(settings["gateways"], gateways),
                **{name: settings[name] for name in ("authorizers", "trust_domain", "faults_allowed", "accept")},
            },
            "required": spec["required"],
        },
        outputs={
            "properties": {
                "hosts": _texts("Hosts at gateways, the main one first."),
                "mcp_url": _text("Address of the MCP endpoint, which a client is given; absent without mcp or host."),
                "service": _text("Host name of its Service inside the cluster."),
                "principal": _text("SPIFFE identity of its pods."),
                "objects": _texts("What was registered, as KIND/NAMESPACE/NAME."),
            },
            "required": ["hosts", "objects", "principal", "service"],
        },
        definitions=definitions,
    )


def _gateway() -> Interface:
    settings, definitions = stack_definitions()
    spec = definitions["GatewaySpec"]
    istio = (
        "The Istio that runs on the cluster: version says of which the gateway's chart is, charts where it comes from, "
        "platform gke on GKE. Default: the version that this package is made for, installed by somebody else."
    )
    drain = "The longest call of the apps behind it, which its pods wait for before they end. Default: 600s."
    return Interface(
        description=(
            "A gateway on an Istio that is there: its namespace, pods and Service by Istio's chart, and its listeners."
        ),
        inputs={
            "properties": {
                "name": _text(_NAME),
                **spec["properties"],
                "istio": _said(settings["istio"], istio),
                "longest_call": _said(definitions["AppSpec"]["properties"]["longest_call"], drain) | {"default": None},
                "create_namespace": {
                    "type": "boolean",
                    "description": "Whether its namespace is made here. Default: true, and false with existing.",
                },
                **{name: settings[name] for name in ("certificate_issuers", "trust_domain", "accept")},
            },
            "required": spec["required"],
        },
        outputs={
            "properties": {
                "namespace": _text("Namespace of its pods and TLS Secrets."),
                "release": _text("Name of its Deployment, Service and service account."),
                "service": _text("Host name of its Service inside the cluster."),
                "principal": _text("SPIFFE identity of its pods."),
                "gateway": _text("NAMESPACE/NAME of Istio's Gateway object; absent where nothing listens."),
                "address": _text(
                    "Address or name of its load balancer; of a Service without one, the address inside the cluster."
                ),
                "objects": _texts("Istio objects that were registered, as KIND/NAMESPACE/NAME."),
            },
            "required": ["namespace", "objects", "principal", "release", "service"],
        },
        definitions=definitions,
    )


def _mesh() -> Interface:
    from chatgpt_mesh.components.outputs import Outputs

    settings, definitions = stack_definitions()
    contract = TypeAdapter(Outputs).json_schema()
    known = contract["properties"]
    # A number, since a constant is no type of Pulumi's.
    version = {"type": "integer", "description": known["schema_version"]["description"]}
    return Interface(
        description=(
            "A whole mesh on a cluster that is there, as a stack file declares it: Istio, gateways, apps, egress, "
            "mutual TLS and its exceptions, telemetry."
        ),
        inputs={
            "properties": {name: schema for name, schema in settings.items() if name not in OF_THE_PROGRAM},
            "required": ["istio"],
        },
        outputs={"properties": {**known, "schema_version": version}, "required": contract["required"]},
        definitions={**definitions, **contract["$defs"]},
    )
