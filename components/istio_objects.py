"""Registers the objects of the mesh, one component for each declaration that owns some.

Order of change, with the engine's own means. A route is written after what it leads to and what guards it
(`mesh.objects.order`), and the engine deletes what is gone after all updates, when the program has ended: so a
version's subset outlives the last route to it. What all objects wait for hangs on the components, not on each object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.ordering import together
from chatgpt_mesh.components.sealing import nothing_secret
from chatgpt_mesh.mesh.objects import under_way

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.mesh.objects.owned import Owned

_BY_NAME = frozenset({"apps", "gateways"})

# The component type of a declaration, by the section of the stack file that it stands in.
_COMPONENTS = {
    "apps": "App",
    "certificate_issuers": "CertificateIssuers",
    "egress": "Egress",
    "gateways": "Gateway",  # one that somebody else runs; the others' components are there already
    "objects": "Objects",
    "security": "Security",
    "telemetry": "Telemetry",
}


def _component(path: str) -> str:
    """`apps.chatgpt-mcp.versions.v1` belongs to `apps.chatgpt-mcp`, `egress.allow.0` to `egress`."""
    section, *rest = path.split(".")
    return f"{section}.{rest[0]}" if rest and section in _BY_NAME else section


class Declared(pulumi.ComponentResource):
    """A part of the mesh's declaration (`apps.chatgpt-mcp`, `security`); its children are the objects it stands for."""

    def __init__(
        self, owner: str, inputs: Mapping[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`inputs` are what it declares beside its objects."""
        section, _, name = owner.partition(".")
        props = None if inputs is None else dict(inputs)
        super().__init__(f"chatgpt-mesh:mesh:{_COMPONENTS.get(section, 'Part')}", name or section, props, opts)


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioObjectsArgs:
    objects: Sequence[Owned]
    routes_need: Mapping[str, Sequence[str]]
    """For each route the objects that are written before it, by their keys."""
    namespaces: Mapping[str, pulumi.Resource]
    """The namespaces of this stack; one that is not here is there already."""
    after: pulumi.Resource | None = None
    """Stands for what serves and validates the objects, and goes by them: control planes and gateways. None: they are
    there."""
    sealed: Sealing = nothing_secret
    """What must not be shown, in the state or in a preview."""
    parents: Mapping[str, pulumi.Resource] = field(default_factory=dict[str, pulumi.Resource])
    """Components that are there already for a declaration, such as a gateway's."""
    inputs: Mapping[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """By component, what it declares beside its objects."""
    served_by: Mapping[str, Resources] = field(default_factory=dict[str, "Resources"])
    """For such a component, what serves its objects and may go together with them; it then goes after them."""
    certificates_after: Resources | None = None
    """What serves cert-manager's kinds. Nothing but their objects waits for it."""
    certificates_taken: pulumi.ResourceHook | None = None
    """Waits until objects of cert-manager's kinds can be written."""
    acknowledged: pulumi.ResourceHook | None = None
    """Waits until every proxy has a route."""
    foretold: pulumi.ResourceHook | None = None
    """Says what a change does to streams and sessions that are open."""


class IstioObjects:
    """Every object of the mesh, by `KIND/NAMESPACE/NAME`."""

    def __init__(self, args: IstioObjectsArgs, opts: pulumi.ResourceOptions) -> None:
        self._args = args
        self._declared: dict[str, Declared] = {}
        self._opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=args.after))
        self.registered: dict[str, KubernetesObject] = {}
        objects = {owned.resource.key: owned for owned in args.objects}
        needed = {key for keys in args.routes_need.values() for key in keys}
        self._hooked = needed & args.routes_need.keys()
        for key in TopologicalSorter({key: args.routes_need.get(key, ()) for key in objects}).static_order():
            self.registered[key] = self._register(objects[key])
        for owner in args.inputs:
            self._parent(owner)  # What it says is said without an object as well.
        for part in self._declared.values():
            part.register_outputs({})

    def _register(self, owned: Owned) -> KubernetesObject:
        manifest, key = owned.resource.to_dict(), owned.resource.key
        namespace = self._args.namespaces.get(manifest["metadata"].get("namespace", ""))
        before: list[pulumi.Resource] = [self.registered[needed] for needed in self._args.routes_need.get(key, ())]
        if namespace is not None:
            before.append(namespace)
        owner = _component(owned.owner)
        parent = self._parent(owner)
        if self._args.after is not None and not isinstance(parent, Declared):
            before.append(self._args.after)
        waited = [self._args.served_by.get(owner)]
        of_cert_manager = manifest["apiVersion"].startswith("cert-manager.io/")
        if of_cert_manager:
            waited.append(self._args.certificates_after)
        later = [one for one in waited if one is not None]
        return KubernetesObject(
            key,
            self._args.sealed(manifest),
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=together(later[0], *later[1:], *before) if later else before,
                ignore_changes=list(owned.ignore_changes) or None,
                hooks=self._before_certificates() if of_cert_manager else self._hooks(key, manifest["kind"]),
            ),
        )

    def _hooks(self, key: str, kind: str) -> pulumi.ResourceHookBinding | None:
        """A route that other routes go on by ends its step when every proxy has it.

        Nothing waits for the others within an `up`, and each wait takes most of a second: for them the program waits
        once, at its end.
        """
        acknowledged = self._args.acknowledged if key in self._hooked else None
        foretold = self._args.foretold if kind in under_way.KINDS else None
        after = [acknowledged] if acknowledged is not None else None
        before = [foretold] if foretold is not None else None
        if after is None and before is None:
            return None
        return pulumi.ResourceHookBinding(before_update=before, after_create=after, after_update=after)

    def _before_certificates(self) -> pulumi.ResourceHookBinding | None:
        taken = self._args.certificates_taken
        return None if taken is None else pulumi.ResourceHookBinding(before_create=[taken], before_update=[taken])

    def _parent(self, owner: str) -> pulumi.Resource:
        if (component := self._args.parents.get(owner)) is not None:
            return component
        if owner not in self._declared:
            self._declared[owner] = Declared(owner, self._args.inputs.get(owner), self._opts)
        return self._declared[owner]
