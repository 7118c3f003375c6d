"""Sessions of MCP's legacy era: each stays with the pod and the version where it began.

The id that a client gets is the server's own, with the version and the pod behind it: `ID~VERSION~ADDRESS`. Three
parts make that, and each is Istio's API:

1. every route to the MCP path adds to its answers where they came from (`noted`), and a few lines of Lua
   (`keep_session.lua`, a TrafficExtension) write it into the id and take the header away again;
2. a route per version (`session-VERSION`) takes requests whose id names it. Such a request passes where anybody could
   begin a session of this version: by weight, by its pin, by a claim. `no-session` answers all other ids **404**, with
   which a client begins anew;
3. on such a route the Lua tells the balancer the pod, strictly: one that is not in the version's subset is not asked.
   The server gets its own id back (`resumed`), out of metadata that no client can write.

Requests without a session go on to the weighted routes behind these, so weights divide new sessions. Decided in
docs/adr/0015-sessions-stay-where-they-began.md. Reference:
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.extensions import LuaConfig, TrafficExtension, TrafficSelector
from chatgpt_mesh.istio_api.networking import Headers, Headers_HeaderOperations, HTTPRetry
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.type import WorkloadMode, WorkloadSelector
from chatgpt_mesh.mesh.objects.auth.calls import READ_FIRST
from chatgpt_mesh.mesh.objects.auth.challenge import JSON, answers, refusal
from chatgpt_mesh.mesh.objects.auth.claims import claim
from chatgpt_mesh.mesh.objects.matches import PRESENT, one_of, regex, with_headers
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.rollout import experiment_division, handed_off, pin_match, pins_of, stable_division
from chatgpt_mesh.mesh.objects.routes import forward
from chatgpt_mesh.mesh.specs.grants import at_gateway as granted_at
from chatgpt_mesh.mesh.specs.rollout import keeps_open_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRoute
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.objects.routes import Forward
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

SCRIPT = (Path(__file__).parent / "keep_session.lua").read_text(encoding="utf-8")

SESSION = "mcp-session-id"

CAME_FROM = {"x-mcp-session-at": "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_HOST% %RESPONSE_FLAGS%"}
"""The cluster, whose name has the subset in it; the pod as this proxy knows it; why there was none."""

OWN_ID = {SESSION: "%DYNAMIC_METADATA(mcp.session:id)%"}

NOT_FOUND = refusal("Session not found")
"""As the official SDKs say it; the Lua has the same."""


def kept(app: AppSpec) -> bool:
    return app.mcp is not None and app.mcp.keeps_sessions


def noted(headers: Headers | None) -> Headers:
    """With the pod and version on the answer, for the Lua to write into the id."""
    return _with(headers, response=CAME_FROM)


def _with(
    headers: Headers | None, *, request: Mapping[str, str] | None = None, response: Mapping[str, str] | None = None
) -> Headers:
    asked = (headers and headers.request) or Headers_HeaderOperations()
    answered = (headers and headers.response) or Headers_HeaderOperations()
    return Headers(
        request=replace(asked, set={**asked.set, **request}) if request else headers and headers.request,
        response=replace(answered, set={**answered.set, **response}) if response else headers and headers.response,
    )


def routes(
    name: str, good: Sequence[HTTPMatchRequest], app: AppSpec, how: Forward, gateway: str, *, protected: bool
) -> Iterator[HTTPRoute]:
    """Requests of a session at a gateway, by the version that their id names; then all other ids."""
    pins: dict[str, list[HTTPMatchRequest]] = {}
    for _, version, pin in pins_of(app):
        if pin.allowed == "anyone":
            pins.setdefault(version, []).extend(with_headers(match, pin_match(pin)) for match in good)
    if app.rollout is not None and protected:
        for experiment in app.rollout.experiments.values():
            if experiment.claim is not None:
                audience = {claim(experiment.claim.name): one_of(experiment.claim.values)}
                for version, _ in experiment_division(app.rollout, experiment.version, experiment.percent):
                    pins.setdefault(version, []).extend(with_headers(match, audience) for match in good)
    yield from _of_versions(name, good, pins, app, how, gateway)
    unknown = [with_headers(match, {SESSION: PRESENT}) for match in good]
    yield from answers(f"{name}.no-session", app, unknown, 404, JSON, NOT_FOUND)


def mesh_routes(
    name: str, good: Sequence[HTTPMatchRequest], app: AppSpec, how: Forward, namespaces: Sequence[str]
) -> Iterator[HTTPRoute]:
    """The same for callers in the mesh, whose sidecars have the Lua; a claim is nothing that a sidecar can verify."""
    if not namespaces:
        return
    pins: dict[str, list[HTTPMatchRequest]] = {}
    for _, version, pin in pins_of(app):
        pins.setdefault(version, []).extend(with_headers(match, pin_match(pin)) for match in good)
    for route in _of_versions(name, good, pins, app, how, None):
        yield replace(route, match=_from_namespaces(route.match, namespaces))
    unknown = [with_headers(match, {SESSION: PRESENT}) for match in good]
    for route in answers(f"{name}.no-session", None, unknown, 404, JSON, NOT_FOUND):
        yield replace(route, match=_from_namespaces(route.match, namespaces))


def _from_namespaces(matches: Iterable[HTTPMatchRequest], namespaces: Sequence[str]) -> tuple[HTTPMatchRequest, ...]:
    return tuple(replace(match, source_namespace=namespace) for match in matches for namespace in namespaces)


def _of_versions(
    name: str,
    good: Sequence[HTTPMatchRequest],
    behind: Mapping[str, Sequence[HTTPMatchRequest]],
    app: AppSpec,
    how: Forward,
    gateway: str | None,
) -> Iterator[HTTPRoute]:
    """`behind`: what a request must have to begin a session of a version that weights do not lead to."""
    # The pod is the only one that knows the session, so there is nobody to ask instead.
    resumed = how._replace(headers=_with(how.headers, request=OWN_ID), retries=HTTPRetry(attempts=0))
    if app.rollout is None or handed_off(app):
        # A controller gives the same pods another subset when it promotes them.
        matches = [with_headers(match, {SESSION: regex(r".+~[^~]*~[^~]+")}) for match in good]
        yield forward(f"{name}.session-any", matches, app, resumed, ())
        return
    divided = {version for version, percent in stable_division(app, gateway) if percent}
    for version, spec in app.versions.items():
        open_to_all = version in divided or keeps_open_sessions(app.rollout, version, spec)
        entrances = good if open_to_all else behind.get(version, ())
        if entrances:
            matches = [with_headers(match, {SESSION: regex(rf".+~{version}~[^~]+")}) for match in entrances]
            yield forward(f"{name}.session-{version}", matches, app, resumed, ((version, 100),))


def at_gateway(graph: Graph, gateway: GatewaySpec) -> Iterator[Owned]:
    """The Lua of a gateway with sessions, once for all its apps: the routes say which requests it is for."""
    own = any(kept(app) and e.gateway == gateway.name for app in graph.apps.values() for e in app.served)
    # Whether an app of a team keeps sessions is said in another stack.
    if own or granted_at(graph.grants, gateway):
        yield _script(f"{gateway.name}-sessions", gateway.home, gateway.pod_labels, gateway.declared_at)


def at_caller(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    """The same in the sidecars of an app that calls servers with sessions."""
    if any(kept(graph.apps[called]) for called in graph.apps_called_by[app.name]):
        yield _script(f"{app.name}-sessions", app.namespace, app.pod_labels, app.declared_at, WorkloadMode.CLIENT)


def _script(
    name: str, namespace: str, labels: Mapping[str, str], owner: str, mode: WorkloadMode | None = None
) -> Owned:
    extension = TrafficExtension(
        selector=WorkloadSelector(match_labels=labels),
        # Behind what reads the body, since that decides which route a request takes.
        priority=READ_FIRST - 1,
        match=() if mode is None else (TrafficSelector(mode=mode),),
        lua=LuaConfig(inline_code=SCRIPT),
    )
    return Owned(Resource(metadata=ObjectMeta(name=name, namespace=namespace), spec=extension), owner)
