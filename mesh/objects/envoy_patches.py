"""EnvoyFilters in the few shapes that the mesh uses.

Each is a last resort for what Istio's API has no word for, and says so where it is used. Istio warns of every one of
them (IST0133): the shape of Envoy's configuration is Istio's own business, so they are checked against a real proxy.
Reference: https://istio.io/latest/docs/reference/config/networking/envoy-filter/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.networking import (
    EnvoyFilter,
    EnvoyFilter_ApplyTo,
    EnvoyFilter_EnvoyConfigObjectMatch,
    EnvoyFilter_EnvoyConfigObjectPatch,
    EnvoyFilter_ListenerMatch,
    EnvoyFilter_ListenerMatch_FilterChainMatch,
    EnvoyFilter_ListenerMatch_FilterMatch,
    EnvoyFilter_ListenerMatch_SubFilterMatch,
    EnvoyFilter_Patch,
    EnvoyFilter_Patch_Operation,
    EnvoyFilter_PatchContext,
    EnvoyFilter_RouteConfigurationMatch,
    EnvoyFilter_RouteConfigurationMatch_RouteMatch,
    EnvoyFilter_RouteConfigurationMatch_VirtualHostMatch,
    WorkloadSelector,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GATEWAY = EnvoyFilter_PatchContext.GATEWAY
SIDECAR_INBOUND = EnvoyFilter_PatchContext.SIDECAR_INBOUND
SIDECAR_OUTBOUND = EnvoyFilter_PatchContext.SIDECAR_OUTBOUND

_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"
_TYPE = "type.googleapis.com/"

PRIORITY = 10
"""Without a priority the order of filters that touch one place would depend on when they were created (IST0151)."""


def typed(message: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An Any of this message type."""
    return {"@type": _TYPE + message, **fields}


def envoy_filter(
    patches: Iterable[EnvoyFilter_EnvoyConfigObjectPatch], selector: Mapping[str, str] | None, *, part: int = 1
) -> EnvoyFilter:
    """Patches for the proxies with these labels, or for every proxy of the namespace.

    Args:
        patches: In the order in which they are applied.
        selector: Labels of the proxies; None: all of the namespace.
        part: Which of several filters that are applied one after the other, from 1.
    """
    return EnvoyFilter(
        workload_selector=None if selector is None else WorkloadSelector(labels=selector),
        priority=PRIORITY + part - 1,
        config_patches=tuple(patches),
    )


def _listener(context: EnvoyFilter_PatchContext, sub_filter: str | None) -> EnvoyFilter_EnvoyConfigObjectMatch:
    return EnvoyFilter_EnvoyConfigObjectMatch(
        context=context,
        listener=EnvoyFilter_ListenerMatch(
            filter_chain=EnvoyFilter_ListenerMatch_FilterChainMatch(
                filter=EnvoyFilter_ListenerMatch_FilterMatch(
                    name=_CONNECTION_MANAGER,
                    sub_filter=(sub_filter and EnvoyFilter_ListenerMatch_SubFilterMatch(name=sub_filter)) or None,
                )
            )
        ),
    )


def before_router(
    name: str, message: str, fields: Mapping[str, Any], context: EnvoyFilter_PatchContext = GATEWAY
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """An HTTP filter right before the router, after authentication and authorization."""
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.HTTP_FILTER,
        match=_listener(context, "envoy.filters.http.router"),
        patch=EnvoyFilter_Patch(
            operation=EnvoyFilter_Patch_Operation.INSERT_BEFORE,
            value={"name": name, "typed_config": typed(message, fields)},
        ),
    )


def into_filter(
    name: str, message: str, fields: Mapping[str, Any], context: EnvoyFilter_PatchContext = GATEWAY
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """Fields merged into an HTTP filter that an earlier patch has put there; lists grow by theirs."""
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.HTTP_FILTER,
        match=_listener(context, name),
        patch=merge({"name": name, "typed_config": typed(message, fields)}),
    )


def connection_manager(
    fields: Mapping[str, Any], context: EnvoyFilter_PatchContext = GATEWAY
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """Fields merged into the HTTP connection manager of every listener."""
    message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.NETWORK_FILTER,
        match=_listener(context, None),
        patch=merge({"typed_config": typed(message, fields)}),
    )


def listener(
    fields: Mapping[str, Any], context: EnvoyFilter_PatchContext = GATEWAY
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """Fields merged into every listener."""
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.LISTENER,
        match=EnvoyFilter_EnvoyConfigObjectMatch(context=context),
        patch=merge(fields),
    )


def merge(value: Mapping[str, Any]) -> EnvoyFilter_Patch:
    return EnvoyFilter_Patch(operation=EnvoyFilter_Patch_Operation.MERGE, value=value)


def route(
    name: str, patch: EnvoyFilter_Patch, context: EnvoyFilter_PatchContext = GATEWAY
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """Fields merged into every route of this name. A change of routes never drains connections."""
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.HTTP_ROUTE,
        match=EnvoyFilter_EnvoyConfigObjectMatch(
            context=context,
            route_configuration=EnvoyFilter_RouteConfigurationMatch(
                vhost=EnvoyFilter_RouteConfigurationMatch_VirtualHostMatch(
                    route=EnvoyFilter_RouteConfigurationMatch_RouteMatch(name=name)
                )
            ),
        ),
        patch=patch,
    )


def route_configuration(
    fields: Mapping[str, Any], context: EnvoyFilter_PatchContext = GATEWAY
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """Fields merged into every route configuration: what holds for each route that says nothing itself."""
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.ROUTE_CONFIGURATION,
        match=EnvoyFilter_EnvoyConfigObjectMatch(context=context),
        patch=merge(fields),
    )


JWT_METADATA = "envoy.filters.http.jwt_authn"


def claim_path(name: str) -> list[dict[str, str]]:
    """Where Istio's JWT filter leaves a verified claim."""
    return [{"key": "payload"}, {"key": name}]


def host_pattern(hosts: Iterable[str]) -> str:
    """A regular expression for `:authority`. The app sees one host in any spelling, so what is written for it must,
    too."""
    return rf"(?i)({'|'.join(map(re.escape, hosts))})(:[0-9]+)?"


def local_reply(
    status: int,
    host: str,
    headers: Mapping[str, str],
    *present: str,
    further: Sequence[dict[str, Any]] = (),
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Headers on answers that the gateway itself gives with this status, for hosts that fit a pattern; `present` are
    headers that the request must have, `further` headers that are written in their own way, `body` a JSON document in
    place of what it would say."""
    compared = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"local_reply.{_STATUS_KEYS[status]}"}}
    conditions: list[dict[str, Any]] = [
        {"status_code_filter": {"comparison": compared}},
        {"header_filter": {"header": {"name": ":authority", "string_match": {"safe_regex": {"regex": host}}}}},
        *({"header_filter": {"header": {"name": name, "present_match": True}}} for name in present),
    ]
    return {
        "filter": {"and_filter": {"filters": conditions}},
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ]
        + list(further),
        **({"body_format_override": {"json_format": body}} if body is not None else {}),
    }


_STATUS_KEYS = {401: "unauthorized", 429: "too_many_requests"}
