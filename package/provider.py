"""The package as a server that Pulumi's engine asks to construct components.

On Pulumi's own `Provider`, and not on the component host that infers a schema: docs/adr/0020-a-package-by-hand.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.output import Unknown
from pulumi.provider import ConstructResult, Provider

from chatgpt_mesh import __version__
from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem
from chatgpt_mesh.package.app import App, app_declaration
from chatgpt_mesh.package.gateway import GatewayOnCluster, gateway_declaration
from chatgpt_mesh.package.given import given
from chatgpt_mesh.package.inputs import interfaces
from chatgpt_mesh.package.mesh import WholeMesh, mesh_declaration
from chatgpt_mesh.package.names import StackNames, camel
from chatgpt_mesh.package.pulumi_types import token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chatgpt_mesh.package.inputs import Interface

Component = App | GatewayOnCluster | WholeMesh


class NotPlanned(pulumi.ComponentResource):
    """A component of which a preview cannot know yet what is in it."""

    def __init__(self, kind: str, name: str, outputs: Iterable[str], opts: pulumi.ResourceOptions) -> None:
        super().__init__(token(kind), name, None, opts)
        self.outputs: dict[str, Any] = dict.fromkeys(outputs, Unknown())
        self.register_outputs({})


class Package(Provider):
    """Constructs the components of the package."""

    def __init__(self, schema: str) -> None:
        """`schema` is the package's, as text."""
        super().__init__(__version__, schema)
        self._interfaces = interfaces()

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, pulumi.Input[Any]],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Called by the engine for each component of a program; the answer waits for what is made."""
        kinds = {token(kind): kind for kind in self._interfaces}
        if resource_type not in kinds:
            raise refused(f"{resource_type} is not in this package, which has: {', '.join(kinds)}")
        kind = kinds[resource_type]
        opts = options or pulumi.ResourceOptions()
        made = pulumi.Output.from_input(asyncio.ensure_future(self._made(kind, name, inputs, opts)))
        outputs = [camel(output) for output in self._interfaces[kind].outputs["properties"]]
        return ConstructResult(
            made.apply(lambda one: one.urn),
            {output: made.apply(lambda one, output=output: one.outputs.get(output)) for output in outputs},
        )

    async def _made(
        self, kind: str, name: str, inputs: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions
    ) -> Component | NotPlanned:
        """A component, by itself and not as what is in it: what is unknown in there is no more than that."""
        interface = self._interfaces[kind]
        found = await given(inputs)
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(found.resources)))
        if found.unknown and not pulumi.runtime.is_dry_run():
            raise refused(f"{', '.join(found.unknown)}: is not known, and nothing can be made without it")
        if found.unknown:
            pulumi.log.warn(unknown(kind, name, found.unknown))
            return NotPlanned(kind, name, [camel(output) for output in interface.outputs["properties"]], opts)
        try:
            return constructed(kind, name, found.values, found.secrets, interface, opts)
        except InvalidConfig as mistakes:
            raise refused(str(mistakes)) from None


def refused(sentences: str) -> InputPropertiesError:
    """An error of which Pulumi shows the sentences alone; of any other it shows a traceback, which may show values.

    Without details of its own, since the engine would print the values beside them.
    """
    return InputPropertiesError(sentences, [])


def constructed(
    kind: str,
    name: str,
    values: Mapping[str, Any],
    secrets: Iterable[str],
    interface: Interface,
    opts: pulumi.ResourceOptions,
) -> Component:
    """The component that values stand for, in Pulumi's names.

    Raises:
        InvalidConfig: with every mistake; nothing is registered then.
    """
    names = StackNames(interface.definitions)
    said: dict[str, Any] = names.of(dict(values), interface.inputs)
    own = said.pop("name", name)
    misnamed = [*names.problems, *_no_text(own)]
    match kind:
        case "App":
            return App(name, app_declaration(str(own), said, secrets, misnamed), opts)
        case "Gateway":
            return GatewayOnCluster(name, gateway_declaration(str(own), said, secrets, misnamed), opts)
        case _:
            return WholeMesh(name, mesh_declaration(said, secrets, misnamed), opts)


def _no_text(name: Any) -> list[Problem]:
    return [] if isinstance(name, str) else [Problem("name", "must be text; put it in quotes", name)]


def unknown(kind: str, name: str, paths: Sequence[str]) -> str:
    """What to say in a preview of a component that waits for other resources."""
    return (
        f"{token(kind)} {name}: {', '.join(paths)} will be known only when another resource is made, so this preview "
        "does not show what is in it. Values that are written in the program are shown and checked before `up`."
    )
