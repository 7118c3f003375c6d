"""Gateway API as Istio serves it: gateways, routes, and what attaches to what."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.fields import elements, mapping, text
from meshlint.view.gateway_api.attachment import Attachment, Refusal, lets_namespace, refusal_of
from meshlint.view.gateway_api.listeners import ApiGateway, Listener, are_distinct
from meshlint.view.gateway_api.references import Grant, Reference, grants_of
from meshlint.view.gateway_api.routes import ROUTE_KINDS, Route
from meshlint.view.manifest import GATEWAY_API
from meshlint.view.registry import Registry

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.view.gateway_api.routes import Parent
    from meshlint.view.manifest import Manifest


class GatewayApi(Registry):
    """The objects of Gateway API, whoever serves them."""

    def gateway_api(self, kind: str) -> list[Manifest]:
        """Gateway API's objects of a kind, by namespace and name."""
        return self._gateway_api_by_kind.get(kind, [])

    @cached_property
    def _gateway_api_by_kind(self) -> dict[str, list[Manifest]]:
        found: dict[str, list[Manifest]] = defaultdict(list)
        for obj in self.objects:
            if obj.group == GATEWAY_API:
                found[obj.kind].append(obj)
        for alike in found.values():
            alike.sort(key=lambda obj: (obj.namespace, obj.name))
        return found

    @cached_property
    def gateway_classes(self) -> dict[str, str]:
        """The controller of each GatewayClass that the objects show."""
        return {obj.name: text(obj.spec, "controllerName") for obj in self.gateway_api("GatewayClass")}

    @cached_property
    def api_gateways(self) -> list[ApiGateway]:
        """Every Gateway of Gateway API, with the listeners of the ListenerSets that join it."""
        found = [ApiGateway.read(obj, self.gateway_classes) for obj in self.gateway_api("Gateway")]
        by_key = {gateway.key: gateway for gateway in found}
        for obj in sorted(self.gateway_api("ListenerSet"), key=lambda obj: (obj.created, obj.namespace, obj.name)):
            parent = Reference.read(mapping(obj.spec, "parentRef"), obj.namespace, kind="Gateway", group=GATEWAY_API)
            gateway = by_key.get(f"{parent.namespace}/{parent.name}")
            if gateway is None or not parent.is_gateway:
                continue
            rule = mapping(gateway.obj.spec, "allowedListeners", "namespaces")
            if lets_namespace(rule, "None", gateway.obj.namespace, obj.namespace, self.namespaces) is False:
                continue
            for position, raw in enumerate(elements(obj.spec, "listeners")):
                gateway.listeners.append(Listener.read(gateway, obj, raw, ("spec", "listeners", position)))
        for gateway in found:
            _find_conflicts(gateway)
        return found

    @cached_property
    def api_gateway_by_key(self) -> dict[str, ApiGateway]:
        """Each of them by NAMESPACE/NAME."""
        return {gateway.key: gateway for gateway in self.api_gateways}

    @cached_property
    def listeners_by_owner(self) -> dict[tuple[str, str, str], list[Listener]]:
        """The listeners by kind (Gateway, ListenerSet), namespace and name of the object that has them."""
        found: dict[tuple[str, str, str], list[Listener]] = defaultdict(list)
        for gateway in self.api_gateways:
            for listener in gateway.listeners:
                found[listener.obj.kind, listener.obj.namespace, listener.obj.name].append(listener)
        return found

    @cached_property
    def api_routes(self) -> list[Route]:
        """Every route of the kinds that Istio reads."""
        return [Route.read(obj) for kind in ROUTE_KINDS for obj in self.gateway_api(kind)]

    @cached_property
    def attachments(self) -> list[Attachment]:
        """Each route with each listener of its parents that are in sight and that Istio serves."""
        found: list[Attachment] = []
        for route in self.api_routes:
            for parent in route.parents:
                to = parent.reference
                for listener in self.listeners_by_owner.get((to.kind, to.namespace, to.name), ()):
                    if to.group == GATEWAY_API and listener.gateway.routes_requests:
                        refusal = refusal_of(route, parent, listener, self.namespaces)
                        found.append(Attachment(route, parent, listener, refusal))
        return found

    @cached_property
    def attachments_by_listener(self) -> dict[Listener, list[Attachment]]:
        """The routes at each listener, without those that it refuses."""
        found: dict[Listener, list[Attachment]] = defaultdict(list)
        for attachment in self.attachments:
            if attachment.refusal is None:
                found[attachment.listener].append(attachment)
        return found

    @cached_property
    def refused_parents(self) -> list[tuple[Route, Parent, dict[Refusal, list[Listener]]]]:
        """Each parent in sight none of whose listeners has the route, with the listeners by why they refuse it; those
        that the parentRef does not mean are left out."""
        by_parent: dict[tuple[int, Path], list[Attachment]] = defaultdict(list)
        for attachment in self.attachments:
            by_parent[id(attachment.route), attachment.parent.path].append(attachment)
        found: list[tuple[Route, Parent, dict[Refusal, list[Listener]]]] = []
        for alike in by_parent.values():
            refused: dict[Refusal, list[Listener]] = defaultdict(list)
            for attachment in alike:
                if attachment.refusal is not None and attachment.refusal is not Refusal.SECTION:
                    refused[attachment.refusal].append(attachment.listener)
            if refused and all(attachment.refusal is not None for attachment in alike):
                found.append((alike[0].route, alike[0].parent, refused))
        return found

    @cached_property
    def _grants(self) -> dict[tuple[str, str], list[Grant]]:
        found: dict[tuple[str, str], list[Grant]] = defaultdict(list)
        for obj in self.gateway_api("ReferenceGrant"):
            for grant in grants_of(obj):
                found[grant.from_kind, grant.from_namespace].append(grant)
        return found

    def is_granted(self, obj: Manifest, to: Reference) -> bool:
        """Whether an object may refer to something: in its own namespace always, in another one by a ReferenceGrant.

        Where the objects show nothing of that namespace, its grants are not in sight either, and one is assumed.
        """
        if to.namespace == obj.namespace or to.namespace not in self.namespaces_shown:
            return True
        return any(grant.lets(obj.kind, obj.namespace, to) for grant in self._grants.get((obj.kind, obj.namespace), ()))

    @cached_property
    def namespaces_shown(self) -> frozenset[str]:
        """The namespaces of which the objects show what can be referred to, or who may."""
        kinds = ("Service", "Secret", "ConfigMap", "InferencePool", "ReferenceGrant")
        return frozenset(obj.namespace for kind in kinds for obj in self.by_kind.get(kind, ()))


def _find_conflicts(gateway: ApiGateway) -> None:
    """Mark the listeners that an earlier one keeps from being programmed."""
    winners: list[Listener] = []
    for listener in gateway.listeners:
        listener.loses_to = next((one for one in winners if not are_distinct(one, listener)), None)
        if listener.loses_to is None:
            winners.append(listener)
