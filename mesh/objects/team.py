"""Objects of a team's stack, seen by nobody whom they do not concern.

Istio shows a route, a rule or an outside host to every namespace unless the object says otherwise, and what everybody
sees, a team could change for everybody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import DestinationRule, ServiceEntry, VirtualService
from chatgpt_mesh.istio_api.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.objects.owned import Owned


def held(graph: Graph, objects: Iterable[Owned]) -> Iterator[Owned]:
    """The objects, with `exportTo`: their namespace, for a route at gateways theirs, for rules of a Service both.

    Raises:
        ValueError: an object that a team may not write, which is a mistake of this program.
    """
    homes = tuple(sorted({gateway.home for gateway in graph.gateways.values()}))
    for owned in objects:
        resource = owned.resource
        if not isinstance(resource, Resource) or resource.metadata.namespace not in graph.app_namespaces:
            raise ValueError(f"{resource.key} is no object of a team's stack")
        spec = resource.spec
        match spec:
            case VirtualService():
                at_gateways = bool(spec.gateways) and spec.gateways != ("mesh",)
                spec = replace(spec, export_to=homes if at_gateways else (".",))
            case DestinationRule():
                spec = replace(spec, export_to=(".", *homes))
            case ServiceEntry():
                spec = replace(spec, export_to=(".",))
            case _:
                pass
        yield replace(owned, resource=replace(resource, spec=spec))
