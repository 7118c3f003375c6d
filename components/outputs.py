"""What other teams' stacks and people read of this one.

python -m components.outputs schema     prints the contract (docs/outputs.schema.json)
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Literal, NotRequired, cast

import pulumi
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from chatgpt_mesh.components.sealing import nothing_secret
from chatgpt_mesh.components.specs.contract import SCHEMA_VERSION
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from chatgpt_mesh.components.gateways import Gateway
    from chatgpt_mesh.components.istio_needs import Need
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.components.specs.injection import Injection
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.components.specs.multi_cluster import MultiClusterSpec
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.grants import GrantSpec

_DESCRIBED = ConfigDict(use_attribute_docstrings=True)


@with_config(_DESCRIBED)
class ListenerOutput(TypedDict):
    """A listener of a gateway."""

    port: int
    """Port of the gateway's Service."""
    protocol: str
    """HTTPS, TLS (passed through) or TCP."""
    hosts: list[str]
    """Hosts that may be served here; `*.` stands for one label or more."""


@with_config(_DESCRIBED)
class GatewayOutput(TypedDict):
    """A gateway, for a team that attaches a VirtualService to it."""

    kind: Literal["public", "internal", "egress"]
    """Where it leads: from the internet, from the company's network, or out of the mesh."""
    namespace: str
    """Namespace of its pods and TLS Secrets."""
    name: str
    """Name of its Deployment, Service and service account."""
    principal: str
    """SPIFFE identity, as an AuthorizationPolicy's `principals` take it."""
    selector: dict[str, str]
    """Pod labels, as a Gateway's `selector` takes them."""
    service: str
    """Host name of the Service inside the cluster."""
    address: NotRequired[str | None]
    """Address or name of the load balancer; of a Service without one, the address inside the cluster."""
    gateway: NotRequired[str | None]
    """NAMESPACE/NAME of the Gateway object, as a VirtualService's `gateways` takes it; absent where nothing listens."""
    listeners: dict[str, ListenerOutput]
    """Listeners by name."""


@with_config(_DESCRIBED)
class AppOutput(TypedDict):
    """An app of this stack."""

    hosts: list[str]
    """Hosts at gateways, the main one first."""
    namespace: str
    """Namespace of its pods."""
    service: str
    """Host name of its Service inside the cluster."""
    principal: str
    """SPIFFE identity of its pods."""


@with_config(_DESCRIBED)
class GrantedIssuerOutput(TypedDict):
    """Whose tokens the gateways verify for a team."""

    issuer: str
    """The claim `iss`."""
    jwks: NotRequired[str]
    """Its public keys; this or jwks_uri."""
    jwks_uri: NotRequired[str]
    """Where istiod fetches the keys."""


@with_config(_DESCRIBED)
class GrantOutput(TypedDict):
    """What a team's stack may declare, which reads it by `granted_by`."""

    namespaces: list[str]
    """Namespaces of its apps."""
    hosts: list[str]
    """Hosts that its apps may own; `*.` stands for one label or more."""
    gateways: list[str]
    """Gateways of this stack at which it may serve them."""
    issuers: list[GrantedIssuerOutput]
    """Whose tokens its apps may accept."""
    egress: list[str]
    """Hosts outside the mesh that its apps may reach."""


@with_config(_DESCRIBED)
class MultiClusterOutput(TypedDict):
    """This cluster, for the stack of the other cluster of the mesh, which reads it by `istio.multi_cluster.peer`."""

    mesh: str
    """Name of the mesh."""
    cluster: str
    """Name of the cluster."""
    network: str
    """Network of its pods."""
    root_sha256: str
    """SHA-256 of the root's certificate, in lower-case hexadecimal."""
    peer: str
    """The stack that this one names as the other cluster."""
    failing_over: list[str]
    """Host names of the Services that requests of the other cluster may arrive at."""
    gateway: NotRequired[str | None]
    """Address of the gateway by which they arrive."""


@with_config(_DESCRIBED)
class Outputs(TypedDict):
    """What a stack of chatgpt-mesh exports."""

    schema_version: Literal[1]
    """Version of this contract. A new key does not raise it; a key that goes or changes its meaning does."""
    trust_domain: str
    """Trust domain of every identity in the mesh."""
    istio_namespace: str
    """Root namespace: what is written there holds for the whole mesh."""
    istio_version: str
    """Version of Istio's charts; with istio.install false the one that the stack declares to run there."""
    istio_needs: NotRequired[list[str]]
    """What whoever installs Istio has to set for this stack, a sentence each; only with istio.install false."""
    injection_labels: dict[str, str]
    """Labels of a Namespace whose pods get a sidecar of this mesh."""
    namespaces: list[str]
    """Namespaces that this stack makes, with those labels."""
    gateways: dict[str, GatewayOutput]
    """Gateways by name."""
    apps: dict[str, AppOutput]
    """Apps by name."""
    issuers: list[str]
    """Issuers whose tokens an app of this stack accepts."""
    grants: NotRequired[dict[str, GrantOutput]]
    """What stacks of teams may declare, by team; absent where nothing is granted."""
    multi_cluster: NotRequired[MultiClusterOutput]
    """This cluster, for the stack of the other one; absent without `istio.multi_cluster.peer`."""
    multi_cluster_reader: NotRequired[str]
    """Kubeconfig by which the other cluster's istiod reads Services and pods here (secret)."""
    otlp_endpoint: NotRequired[str | None]
    """HOST:PORT that proxies send OpenTelemetry spans to."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the outputs."""
    # Here and not above: the outputs of GKE come with Google Cloud's module, which other stacks do without.
    from chatgpt_mesh.components.gke_outputs import GkeOutputs

    @with_config(_DESCRIBED)
    class Contract(Outputs, GkeOutputs):  # some keys are there with cluster.kind gke only
        """What a stack of chatgpt-mesh exports. What is not required comes with cluster.kind gke."""

    schema = TypeAdapter(Contract).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated by `python -m components.outputs schema`; do not edit.",
        **schema,
    }


def export(
    known: Outputs, gateways: Mapping[str, Gateway], cluster: Mapping[str, Any], sealed: Sealing = nothing_secret
) -> None:
    """Exports the contract: what is known, the gateways' addresses, and what there is to say about the cluster."""
    for name, gateway in gateways.items():
        # Known to the engine later, and then text as the contract says.
        known["gateways"][name]["address"] = cast("str | None", gateway.address)
    for name, value in {**cluster, **known}.items():
        pulumi.export(name, sealed(value))


def outputs(
    istio: IstioSpec, mesh: Mesh, injection: Injection, *, made: Collection[str], needs: Sequence[Need]
) -> Outputs:
    """The contract's values, as far as they do not wait for the cluster.

    `made` are the namespaces that this stack makes, `needs` what it needs of an Istio that somebody else installs.
    """
    graph = mesh.graph
    known = Outputs(
        schema_version=SCHEMA_VERSION,
        trust_domain=graph.trust_domain,
        istio_namespace=ROOT_NAMESPACE,
        istio_version=istio.version,
        injection_labels=dict(injection.labels),
        namespaces=[declared.name for declared in mesh.namespaces if declared.injected and declared.name in made],
        gateways={
            name: GatewayOutput(
                kind=spec.kind,
                namespace=spec.home,
                name=spec.release_name,
                principal=graph.principal(graph.gateway_identity(spec)),
                selector=spec.pod_labels,
                service=spec.service_host,
                address=spec.existing and spec.existing.address,
                gateway=f"{spec.home}/{name}" if spec.listeners else None,
                listeners={
                    key: ListenerOutput(
                        port=listener.port,
                        protocol=listener.protocol,
                        hosts=list(listener.hosts),
                    )
                    for key, listener in spec.listeners.items()
                },
            )
            for name, spec in mesh.gateways.items()
        },
        apps={
            name: AppOutput(
                hosts=[exposure.host for exposure in app.exposures],
                namespace=app.namespace,
                service=app.service_host,
                principal=graph.principal(graph.app_identity(app)),
            )
            for name, app in graph.apps.items()
        },
        issuers=sorted({issuer.issuer for app in graph.apps.values() if app.auth for issuer in app.auth.issuers}),
        otlp_endpoint=_otlp_endpoint(mesh),
    )
    if mesh.spec.grants:
        known["grants"] = {name: _grant(grant) for name, grant in mesh.spec.grants.items()}
    if needs:
        known["istio_needs"] = [str(need) for need in needs]
    return known


def multi_cluster(spec: MultiClusterSpec, mesh: Mesh) -> MultiClusterOutput | None:
    """What the other cluster's stack is told; None where there is no other one."""
    if spec.peer is None or spec.ca is None:
        return None
    return MultiClusterOutput(
        mesh=spec.mesh,
        cluster=spec.cluster,
        network=spec.network,
        root_sha256=spec.ca.root_sha256,
        peer=spec.peer.stack,
        failing_over=[app.service_host for app in mesh.graph.failing_over],
    )


def _grant(grant: GrantSpec) -> GrantOutput:
    return GrantOutput(
        namespaces=list(grant.namespaces),
        hosts=list(grant.hosts),
        gateways=list(grant.gateways),
        issuers=[
            cast("GrantedIssuerOutput", {name: value for name, value in issuer.model_dump().items() if value})
            for issuer in grant.issuers
        ],
        egress=list(grant.egress),
    )


def _otlp_endpoint(mesh: Mesh) -> str | None:
    telemetry = mesh.spec.telemetry
    backend = telemetry.providers.get(telemetry.tracing.provider) if telemetry.tracing else None
    return f"{backend.otlp.service}:{backend.otlp.port}" if backend and backend.otlp else None


if __name__ == "__main__":
    if sys.argv[1:] != ["schema"]:
        sys.exit("usage: python -m components.outputs schema")
    print(json.dumps(json_schema(), indent=2))
