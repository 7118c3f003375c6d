"""Which routes of Gateway API are at which listeners, and why not.

Sources: gateway-api.sigs.k8s.io/concepts/api-overview (attaching routes to Gateways); hosts are compared as istiod
does, by their ends (pilot/pkg/config/kube/gateway).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshlint.view.fields import mapping, text
from meshlint.view.gateway_api.labels import NAMESPACE_NAME, keys_of, selects_labels
from meshlint.view.hosts import covers, overlap

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meshlint.view.fields import Json
    from meshlint.view.gateway_api.listeners import Listener
    from meshlint.view.gateway_api.routes import Parent, Route
    from meshlint.view.manifest import Manifest


class Refusal(StrEnum):
    """Why a route is not at a listener."""

    SECTION = "the parentRef names another listener or port"
    CONFLICT = "the listener loses to another one"
    HOSTNAME = "no host of the route is one of the listener"
    NAMESPACE = "the listener does not let in routes of the namespace"
    KIND = "the listener does not take routes of the kind"


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """A route and a listener of one of its parents."""

    route: Route
    parent: Parent
    listener: Listener
    refusal: Refusal | None


def lets_namespace(
    rule: Json, default: str, home: str, namespace: str, namespaces: Mapping[str, Manifest]
) -> bool | None:
    """Whether a `namespaces` block lets a namespace in; None where that hangs on labels of one that no object shows.

    `home` is the namespace of the block, `default` what holds where it does not say `from`.
    """
    source = text(rule, "from") or default
    if source == "All":
        return True
    if source != "Selector":
        return source == "Same" and namespace == home
    selector = mapping(rule, "selector")
    shown = namespaces.get(namespace)
    if shown is None and keys_of(selector) - {NAMESPACE_NAME}:
        return None
    labels = {**(shown.labels if shown is not None else {}), NAMESPACE_NAME: namespace}
    return selects_labels(selector, labels)


def lets_routes_of(listener: Listener, namespace: str, namespaces: Mapping[str, Manifest]) -> bool | None:
    """Whether routes of a namespace may attach to a listener; None where no object shows the namespace's labels."""
    rule = mapping(listener.raw, "allowedRoutes", "namespaces")
    return lets_namespace(rule, "Same", listener.obj.namespace, namespace, namespaces)


def refusal_of(route: Route, parent: Parent, listener: Listener, namespaces: Mapping[str, Manifest]) -> Refusal | None:
    """Why a route is not at a listener of its parent; None if it is. What is not in sight is taken to let it in."""
    if (parent.section and parent.section != listener.name) or parent.port not in (None, listener.port):
        return Refusal.SECTION
    if listener.loses_to is not None:
        return Refusal.CONFLICT
    if route.kind != "TCPRoute" and route.hostnames and not any(overlap(listener.hostname, h) for h in route.hostnames):
        return Refusal.HOSTNAME
    if lets_routes_of(listener, route.obj.namespace, namespaces) is False:
        return Refusal.NAMESPACE
    if route.kind not in listener.kinds:
        return Refusal.KIND
    return None


def is_isolated(listener: Listener, host: str, others: Collection[Listener]) -> bool:
    """Whether requests for a route's host never come to a listener, since another one of its port is nearer to it."""
    if not listener.hostname.startswith("*"):
        return False
    if listener.hostname != "*" and not overlap(host, listener.hostname):
        return True
    for other in others:
        near = (other.port, other.protocol) == (listener.port, listener.protocol)
        if other is listener or not near or other.hostname == listener.hostname:
            continue
        if len(listener.hostname) <= len(other.hostname) and covers(other.hostname, host):
            return True
    return False
