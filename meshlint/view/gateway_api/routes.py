"""Routes of Gateway API: to which parents they belong, and where they lead.

Source: gateway-api.sigs.k8s.io/reference/spec (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, strings, text, whole
from meshlint.view.gateway_api.references import Reference
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest

ROUTE_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
"""The kinds of routes that Istio reads."""


@dataclass(slots=True)
class Parent:
    """An entry of `spec.parentRefs`."""

    path: Path
    reference: Reference
    section: str
    """Name of the only listener; empty for all."""
    port: int | None

    @property
    def is_mesh(self) -> bool:
        """Whether requests in the mesh take the route, and not those at a gateway."""
        return self.reference.is_service or self.reference.kind == "ServiceEntry"


@dataclass(slots=True)
class Backend:
    """Where a rule sends requests, or copies of them."""

    path: Path
    reference: Reference
    port: int | None
    weight: int


@dataclass(slots=True, eq=False)
class Rule:
    """An entry of `spec.rules`."""

    path: Path
    raw: Json
    backends: list[Backend]
    mirrors: list[Backend]

    def filters(self, kind: str) -> Iterator[Json]:
        """Its filters of a type (`RequestRedirect`, `URLRewrite`, `CORS`, ...), as their own settings."""
        block = {"URLRewrite": "urlRewrite", "CORS": "cors"}.get(kind, f"{kind[:1].lower()}{kind[1:]}")
        for one in elements(self.raw, "filters"):
            if text(one, "type") == kind:
                yield mapping(one, block)

    @property
    def redirects(self) -> bool:
        return any(True for _ in self.filters("RequestRedirect"))


@dataclass(slots=True, eq=False)
class Route:
    """A route of Gateway API."""

    obj: Manifest
    hostnames: tuple[str, ...]
    parents: list[Parent]
    rules: list[Rule]

    @property
    def kind(self) -> str:
        return self.obj.kind

    @property
    def reads_requests(self) -> bool:
        return self.kind in ("HTTPRoute", "GRPCRoute")

    @property
    def age(self) -> tuple[bool, str, str, str]:
        """Sort key of Gateway API: the oldest first, then by namespace and name."""
        return (not self.obj.created, self.obj.created, self.obj.namespace, self.obj.name)

    @classmethod
    def read(cls, obj: Manifest) -> Route:
        return cls(
            obj,
            tuple(host.lower() for host in strings(obj.spec, "hostnames") if host),
            [
                Parent(
                    ("spec", "parentRefs", position),
                    Reference.read(raw, obj.namespace, kind="Gateway", group=GATEWAY_API),
                    text(raw, "sectionName"),
                    whole(raw, "port"),
                )
                for position, raw in enumerate(elements(obj.spec, "parentRefs"))
            ],
            [_rule(obj, raw, ("spec", "rules", position)) for position, raw in enumerate(elements(obj.spec, "rules"))],
        )


def _rule(obj: Manifest, raw: Json, path: Path) -> Rule:
    mirrors: list[Backend] = []
    for number, one in enumerate(elements(raw, "filters")):
        named = mapping(one, "requestMirror", "backendRef")
        if named:
            mirrors.append(_backend(obj, named, (*path, "filters", number, "requestMirror", "backendRef")))
    backends = [
        _backend(obj, one, (*path, "backendRefs", number)) for number, one in enumerate(elements(raw, "backendRefs"))
    ]
    return Rule(path, raw, backends, mirrors)


def _backend(obj: Manifest, raw: Json, path: Path) -> Backend:
    weight = whole(raw, "weight")
    reference = Reference.read(raw, obj.namespace, kind="Service")
    return Backend(path, reference, whole(raw, "port"), 1 if weight is None else weight)
