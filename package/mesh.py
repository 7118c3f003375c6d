"""A whole mesh on a cluster that is there, as the program of this project makes it from a stack file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components.mesh_on_cluster import MeshOnCluster, MeshOnClusterArgs
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.package.declaration import Declaration, declared
from chatgpt_mesh.package.inputs import OF_THE_PROGRAM
from chatgpt_mesh.package.names import camel
from chatgpt_mesh.package.pulumi_types import token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def mesh_declaration(
    given: Mapping[str, Any], secrets: Iterable[str] = (), misnamed: Iterable[Problem] = ()
) -> Declaration:
    """What the inputs of a mesh declare: settings of a stack file. `misnamed` are mistakes in their names.

    Raises:
        InvalidConfig: with every mistake.
    """
    found = [
        *misnamed,
        *(
            Problem(name, "is for a stack that makes its cluster; a component is given the cluster's provider")
            for name in OF_THE_PROGRAM
            if name in given
        ),
    ]
    return declared({name: v for name, v in given.items() if name not in OF_THE_PROGRAM}, secrets, found=found)


class WholeMesh(pulumi.ComponentResource):
    """Istio, gateways, apps and everything else that is declared; its outputs are those of a stack."""

    def __init__(self, name: str, declaration: Declaration, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Mesh"), name, None, opts)
        stack, mesh, sealed = declaration.settings, declaration.mesh, declaration.secrets.sealed
        made = MeshOnCluster(
            MeshOnClusterArgs(
                mesh=mesh,
                istio=stack.istio,
                cluster=stack.cluster,
                platform=stack.platform,
                namespaces=stack.namespaces,
                cert_manager=stack.cert_manager,
                observability=stack.observability,
                accept=stack.accept,
                sealed=sealed,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        made.observed()
        self.outputs: dict[str, Any] = {
            camel(key): sealed(_addressed(value, made) if key == "gateways" else value)
            for key, value in made.outputs().items()
            if value is not None
        }
        self.register_outputs(self.outputs)


def _addressed(gateways: Any, made: MeshOnCluster) -> dict[str, Any]:
    """The gateways with the addresses that their load balancers get."""
    found: dict[str, Any] = {}
    for name, gateway in gateways.items():
        address = made.gateways[name].address if name in made.gateways else gateway["address"]
        found[name] = {key: value for key, value in {**gateway, "address": address}.items() if value is not None}
    return found
