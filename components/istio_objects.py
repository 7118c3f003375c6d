"""Registers the objects of the mesh, one component for each declaration that owns some.

Order of change, with the engine's own means. Policies, subsets and listeners are written first; the routes that rely
on them after that; and a route's step ends only when every proxy has acknowledged it. The engine deletes what is gone
after all updates, so a version's subset outlives the last route to it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.ordering import together
from chatgpt_mesh.components.sealing import nothing_secret
from chatgpt_mesh.mesh.objects.owned import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.mesh.objects.owned import Owned

_BY_NAME = frozenset({"apps", "gateways"})

# The component type of a declaration, by the section of the stack file that it stands in.
_COMPONENTS = {
    "apps": "App",
    "egress": "Egress",
    "gateways": "Gateway",  # one that somebody else runs; the others' components are there already
    "objects": "Objects",
    "security": "Security",
    "telemetry": "Telemetry",
}


class Declared(pulumi.ComponentResource):
    """A part of the mesh's declaration (`apps.chatgpt-mcp`, `security`); its children are the objects it stands for."""

    def __init__(self, owner: str, opts: pulumi.ResourceOptions | None = None) -> None:
        section, _, name = owner.partition(".")
        super().__init__(f"chatgpt-mesh:mesh:{_COMPONENTS.get(section, 'Part')}", name or section, None, opts)


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioObjectsArgs:
    objects: Sequence[Owned]
    namespaces: Mapping[str, pulumi.Resource]
    """The namespaces of this stack; one that is not here is there already."""
    after: Resources
    """What serves and validates the objects, and goes by them: control planes and gateways."""
    sealed: Sealing = nothing_secret
    """What must not be shown, in the state or in a preview."""
    parents: Mapping[str, pulumi.Resource] = field(default_factory=dict[str, pulumi.Resource])
    """Components that are there already for a declaration, such as a gateway's."""
    acknowledged: pulumi.ResourceHook | None = None
    """Waits until every proxy has a route."""


class IstioObjects:
    """Every object of the mesh, by `KIND/NAMESPACE/NAME`."""

    def __init__(self, args: IstioObjectsArgs, opts: pulumi.ResourceOptions) -> None:
        self._args = args
        self._parents = dict(args.parents)
        self._declared: list[Declared] = []
        self._opts = opts
        self.registered: dict[str, KubernetesObject] = {}
        stages: dict[Stage, list[Owned]] = defaultdict(list)
        for owned in args.objects:
            stages[owned.stage].append(owned)
        written: list[pulumi.Resource] = []
        for stage in sorted(stages):
            of_stage = [self._register(owned, after=tuple(written)) for owned in stages[stage]]
            written += of_stage
        for part in self._declared:
            part.register_outputs({})

    def _register(self, owned: Owned, after: Sequence[pulumi.Resource]) -> KubernetesObject:
        manifest = owned.resource.to_dict()
        namespace = self._args.namespaces.get(manifest["metadata"].get("namespace", ""))
        before: list[pulumi.Resource] = [*after, *([namespace] if namespace else [])]
        hooks = None
        if owned.stage is Stage.ROUTE and self._args.acknowledged is not None:
            acknowledged = self._args.acknowledged
            hooks = pulumi.ResourceHookBinding(after_create=[acknowledged], after_update=[acknowledged])
        resource = KubernetesObject(
            owned.resource.key,
            self._args.sealed(manifest),
            opts=pulumi.ResourceOptions(
                parent=self._parent(owned.owner),
                depends_on=together(self._args.after, *before),
                ignore_changes=list(owned.ignore_changes) or None,
                hooks=hooks,
            ),
        )
        self.registered[owned.resource.key] = resource
        return resource

    def _parent(self, path: str) -> pulumi.Resource:
        """`apps.chatgpt-mcp.versions.v1` belongs to `apps.chatgpt-mcp`, `egress.allow.0` to `egress`."""
        section, *rest = path.split(".")
        owner = f"{section}.{rest[0]}" if rest and section in _BY_NAME else section
        if owner not in self._parents:
            part = Declared(owner, self._opts)
            self._declared.append(part)
            self._parents[owner] = part
        return self._parents[owner]
