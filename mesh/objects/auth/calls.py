"""Scopes per tool, and calls without a token, on every wire: what a request calls is read from its body.

A few lines of Lua (`read_call.lua`, Istio's TrafficExtension) leave the call in the request's dynamic metadata, and the
routes of the MCP path match it:

1. `unread-call`: what has no call there is answered **400**;
2. `tool-N`: a guarded tool, or an alias that may be its, without its scope is answered **403** with the scope to ask
   for;
3. `anonymous`: a listed call without a token is led to the app. Then come the routes that a token opens.

Istio has no word for metadata in a match, so an EnvoyFilter adds it to routes by their names. Without the filter the
first route takes every call, without the Lua no call is read: each of them missing closes the endpoint.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.extensions import LuaConfig, TrafficExtension
from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRoute
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.auth.challenge import JSON, answers, insufficient_scope, refusal
from chatgpt_mesh.mesh.objects.auth.claims import by_rule, no_token, without_scope
from chatgpt_mesh.mesh.objects.auth.tool_names import ALIAS
from chatgpt_mesh.mesh.objects.matches import exact
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.parts import numbered, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.istio_api.networking import StringMatch
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.mcp import McpSpec

READER = (Path(__file__).parent / "read_call.lua").read_text(encoding="utf-8")

LARGEST_SCRIPT = 65_000
"""Characters; Istio takes 65,536 with the lines around what is known of the hosts."""

FILTER, KEY = "mcp.call", "call"
"""Where the Lua leaves the call: the name and key of dynamic metadata."""

CALL = {"filter": FILTER, "path": [{"key": KEY}]}

READ_FIRST = 20
"""Priority of the Lua: what it reads decides by which route a request goes, and others ask for the route."""

UNREAD = refusal("one JSON-RPC message in plain UTF-8 is needed", code=-32600)


def without_token(uri: StringMatch) -> HTTPMatchRequest:
    return no_token(HTTPMatchRequest(uri=uri, method=exact("POST")))


def routes(
    name: str, app: AppSpec, auth: AuthSpec, host: str, uri: StringMatch, good: Sequence[HTTPMatchRequest]
) -> Iterator[HTTPRoute]:
    """400 for what cannot be read, and 403 for calls of guarded tools without their scope."""
    posts = [replace(match, method=exact("POST")) for match in good]
    read = [*posts, without_token(uri)] if auth.anonymous is not None else posts
    yield from answers(f"{name}.unread-call", app, read, 400, JSON, UNREAD)
    for index, scope in enumerate(_tools_by_scope(auth)):
        for rule, theirs in by_rule(posts, auth):
            lacking = [without_scope(match, rule, scope) for match in theirs]
            asked = rule.as_asked([scope])
            yield from insufficient_scope(f"{name}.tool-{index}", app, auth, host, lacking, asked)


def _tools_by_scope(auth: AuthSpec) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for tool, rule in sorted(auth.tools.items()):
        found.setdefault(rule.scope, []).append(tool)
    return found


def objects(virtual_service: str, app: AppSpec, gateway: GatewaySpec, routes: Iterable[HTTPRoute]) -> Iterator[Owned]:
    """What the routes of one host match of the calls that `at_gateway` reads."""
    auth = app.auth
    if app.mcp is None or auth is None or not auth.reads_calls:
        return
    metadata = ObjectMeta(name=f"{virtual_service}-calls", namespace=gateway.home)
    names = dict.fromkeys(route.name or "" for route in routes)
    patches = [
        envoy_patches.route(route, envoy_patches.merge({"match": {"dynamic_metadata": [condition]}}))
        for route, condition in _conditions(f"{app.name}.mcp", auth, names)
    ]
    spec = envoy_patches.envoy_filter(patches, gateway.pod_labels)
    yield Owned(Resource(metadata=metadata, spec=spec), f"{app.declared_at}.auth")


def at_gateway(graph: Graph, gateway: GatewaySpec) -> Iterator[Owned]:
    """The Lua of a gateway, once for as many apps as a script has room for: each runs, and is held, for every request
    of the other apps as well."""
    hosts = [
        _known(exposure.host, app.mcp, app.auth)
        for app in graph.apps.values()
        if app.mcp is not None and app.auth is not None and app.auth.reads_calls
        for exposure in app.served
        if exposure.gateway == gateway.name
    ]
    for number, known in enumerate(parts(hosts, written=str, room=LARGEST_SCRIPT - len(READER)), start=1):
        extension = TrafficExtension(
            selector=WorkloadSelector(match_labels=gateway.pod_labels),
            priority=READ_FIRST,
            lua=LuaConfig(inline_code=f"local HOSTS = {{\n{''.join(known)}}}\n{READER}"),
        )
        metadata = ObjectMeta(name=numbered(f"{gateway.name}-calls", number), namespace=gateway.home)
        yield Owned(Resource(metadata=metadata, spec=extension), gateway.declared_at)


def _known(host: str, mcp: McpSpec, auth: AuthSpec) -> str:
    """What the Lua has to know of a host, as an entry of its table."""
    paths = ", ".join(f'["{path}"] = true' for path in mcp.spellings)
    anonymous = "true" if auth.anonymous is not None else "false"
    known = f'paths = {{ {paths} }}, limit = {auth.largest_call}, subject = "{auth.subject_header}"'
    return f'  ["{host}"] = {{ {known}, anonymous = {anonymous} }},\n'


def _conditions(name: str, auth: AuthSpec, routes: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each route asks of the call, by the route's name."""
    tools = {f"{name}.tool-{index}": names for index, names in enumerate(_tools_by_scope(auth).values())}
    for route in routes:
        if route == f"{name}.unread-call":
            yield route, {**CALL, "value": {"present_match": True}, "invert": True}
        elif route in tools:
            named = [{"exact": f"tools/call {tool}"} for tool in tools[route]]
            yield route, {**CALL, "value": _one_of(*named, {"safe_regex": {"regex": f"tools/call {ALIAS}"}})}
        elif auth.anonymous is not None and f"{route}.".startswith(f"{name}.anonymous."):
            yield route, {**CALL, "value": _one_of(*({"exact": call} for call in auth.anonymous.calls))}


def _one_of(*calls: Mapping[str, Any]) -> dict[str, Any]:
    each = [{"string_match": call} for call in calls]
    return each[0] if len(each) == 1 else {"or_match": {"value_matchers": each}}
