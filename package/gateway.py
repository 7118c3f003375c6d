"""A gateway of one's own on an Istio that is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pulumi

from chatgpt_mesh.components import chart_values, gateways
from chatgpt_mesh.components.istio_objects import IstioObjects, IstioObjectsArgs
from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.components.ordering import everything_of, together
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.app import AppSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.package.declaration import Declaration, declared
from chatgpt_mesh.package.pulumi_types import token
from chatgpt_mesh.stack import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BESIDE_THE_SPEC = ("istio", "certificate_issuers", "trust_domain", "accept")
_OF_THE_COMPONENT = ("longest_call", "create_namespace")


@dataclass(frozen=True, slots=True)
class GatewayDeclaration:
    """A gateway, and what the component asks beside the stack file's settings."""

    declaration: Declaration
    drain_seconds: int
    """How long its pods wait for calls that are under way."""
    creates_namespace: bool


def gateway_declaration(
    name: str, given: Mapping[str, Any], secrets: Iterable[str] = (), misnamed: Iterable[Problem] = ()
) -> GatewayDeclaration:
    """What the inputs of a gateway declare, in the stack file's names. `misnamed` are mistakes in those.

    Raises:
        InvalidConfig: with every mistake.
    """
    beside = {key: given[key] for key in _BESIDE_THE_SPEC if key in given}
    spec = {key: value for key, value in given.items() if key not in (*_BESIDE_THE_SPEC, *_OF_THE_COMPONENT)}
    found = list(misnamed)
    drain = _drain(f"gateways.{name}.longest_call", given.get("longest_call", "600s"), found)
    creates = given.get("create_namespace", "existing" not in spec)
    if not isinstance(creates, bool):
        found.append(Problem(f"gateways.{name}.create_namespace", "must be true or false", creates))
    istio: Any = beside.pop("istio", {})
    there = {"install": False, "version": RELEASE}
    values = {
        "istio": {**there, **cast("dict[str, Any]", istio)} if isinstance(istio, dict) else istio,
        # Nothing that holds for a namespace or the mesh is registered, so there is nothing to be careful about.
        "security": {"scope": "mesh"},
        "gateways": {name: spec},
        **beside,
    }
    return GatewayDeclaration(declared(values, secrets, found=found), drain, bool(creates))


def _drain(path: str, said: Any, found: list[Problem]) -> int:
    """Seconds of the longest call, by the same rule as an app's."""
    span, wrong = settings.value(AppSpec, "longest_call", said, path)
    found += wrong
    return int(span.total_seconds()) if span is not None else 0


class GatewayOnCluster(pulumi.ComponentResource):
    """One gateway: its namespace, its chart, and what Istio is told of it."""

    def __init__(self, name: str, args: GatewayDeclaration, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Gateway"), name, None, opts)
        declaration = args.declaration
        mesh, sealed, stack = declaration.mesh, declaration.secrets.sealed, declaration.settings
        ((gateway_name, spec),) = mesh.gateways.items()
        inside = pulumi.ResourceOptions(parent=self)
        made = {spec.home: namespace(spec.home, injection=None, opts=inside)} if args.creates_namespace else {}
        address: pulumi.Input[str | None] = spec.existing and spec.existing.address
        charts = everything_of([])
        if spec.existing is None:
            values = chart_values.gateway_values(
                spec,
                stack.istio,
                drain_seconds=args.drain_seconds,
                platform=stack.istio.platform,
                reserved_address=None,
            )
            told = gateways.GatewayArgs(
                spec=spec,
                values=values,
                source=stack.istio.source(stack.istio.version),
                after=together(everything_of([]), *made.values()),
                sealed=sealed,
            )
            pods = gateways.Gateway(gateway_name, told, inside)
            charts, address = everything_of([pods.chart]), pods.address
        path = f"gateways.{gateway_name}"
        objects = [owned for owned in mesh.objects if owned.declaration == path]
        keys = {owned.resource.key for owned in objects}
        IstioObjects(
            IstioObjectsArgs(
                objects=objects,
                routes_need={
                    route: tuple(key for key in needed if key in keys)
                    for route, needed in mesh.routes_need.items()
                    if route in keys
                },
                namespaces=made,
                parents={path: self},
                served_by={path: charts},
                sealed=sealed,
            ),
            pulumi.ResourceOptions(),
        )
        outputs: dict[str, Any] = {
            "namespace": spec.home,
            "release": spec.release_name,
            "service": spec.service_host,
            "principal": mesh.graph.principal(mesh.graph.gateway_identity(spec)),
            "address": address,
            "objects": sorted(keys),
        }
        if spec.listeners:
            outputs["gateway"] = f"{spec.home}/{gateway_name}"
        self.outputs: dict[str, Any] = sealed(outputs)
        self.register_outputs(self.outputs)
