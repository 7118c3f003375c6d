"""VirtualServices of an app: one per host at a gateway, and one for callers in the mesh.

They are two objects of one owner because routes by verified claims exist only at gateways (Istio's webhook refuses them
together with `mesh`). The order of routes is the policy: what may pass is matched first, and everything else on a
declared path is answered by the proxy. A path that nobody declared has no route and gets 404.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.istio_api.networking import (
    CorsPolicy,
    Delegate,
    Destination,
    Headers,
    Headers_HeaderOperations,
    HTTPMatchRequest,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    HTTPRouteDestination,
    Percent,
    PortSelector,
    StringMatch,
    VirtualService,
)
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh import challenge, sessions, token_expiry, tool_rules
from chatgpt_mesh.mesh.challenge import PRESENT, exact, methods_match, regex
from chatgpt_mesh.mesh.owned import Owned
from chatgpt_mesh.mesh.rollout import shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from chatgpt_mesh.mesh.app import AppSpec, Exposure
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.rollout import PinSpec, RolloutSpec
    from chatgpt_mesh.mesh.routes import RouteSpec

ENCODED_SEPARATORS = r"[^?]*(//|;|\\|%(2[eEfF]|5[cC]|00|25|3[bB])).*"
"""Ways to write a path that a proxy and an app may read differently: encoded '/', '\\', '.', ';', '%' and NUL, and
'//'."""


class Share(NamedTuple):
    version: str | None
    percent: int


def host_virtual_service_name(name: str, exposure: Exposure) -> str:
    return name if exposure.path == "host" else f"{name}-{exposure.host.replace('.', '-')}"


def objects(graph: Graph, name: str, app: AppSpec) -> Iterator[Owned]:
    rollout = app.rollout
    if app.service is None and not app.exposures:
        return
    if rollout is not None and rollout.managed_by == "flagger":
        return
    owner = f"apps.{name}"
    if rollout is not None and rollout.managed_by == "argo-rollouts" and rollout.canary is not None:
        weighted = HTTPRoute(
            route=_destinations(name, app, ((rollout.stable, 100), (rollout.canary.version, 0)), keep_zero=True)
        )
        yield Owned(
            Resource(
                metadata=ObjectMeta(name=f"{name}-rollout", namespace=app.namespace),
                spec=VirtualService(http=(weighted,)),
            ),
            f"{owner}.rollout",
            ignore_changes=("spec.http",),
        )
    for exposure in app.exposures:
        gateway = graph.gateways[exposure.gateway]
        routes = tuple(HostRoutes(graph, name, app, exposure).routes())
        if not routes:
            continue
        virtual_service = VirtualService(
            hosts=(exposure.host,), gateways=(f"{gateway.home}/{exposure.gateway}",), http=routes
        )
        metadata = ObjectMeta(name=host_virtual_service_name(name, exposure), namespace=app.namespace)
        yield Owned(Resource(metadata=metadata, spec=virtual_service), owner)
        yield from token_expiry.objects(metadata.name, name, app, gateway, routes)
        yield from sessions.objects(metadata.name, name, app, gateway, routes)
    if app.service is not None:
        routes = tuple(_mesh_routes(name, app))
        yield from sessions.caller_objects(graph, name, app, routes)
        virtual_service = VirtualService(hosts=(app.service_host(name),), gateways=("mesh",), http=routes)
        yield Owned(
            Resource(metadata=ObjectMeta(name=f"{name}-mesh", namespace=app.namespace), spec=virtual_service), owner
        )


def _destination(name: str, app: AppSpec, version: str | None) -> Destination:
    assert app.service is not None, "refused by problems()"  # noqa: S101
    return _service_destination(app.service_host(name), version, app.service.port)


@lru_cache(maxsize=1024)
def _service_destination(host: str, version: str | None, port: int) -> Destination:
    return Destination(host=host, subset=version, port=PortSelector(number=port))


def _destinations(
    name: str, app: AppSpec, division: Sequence[tuple[str, int]], *, keep_zero: bool = False
) -> tuple[HTTPRouteDestination, ...]:
    if not division:
        return (HTTPRouteDestination(destination=_destination(name, app, None)),)
    if len(division) == 1:
        return (HTTPRouteDestination(destination=_destination(name, app, division[0][0])),)
    return tuple(
        HTTPRouteDestination(destination=_destination(name, app, version), weight=percent)
        for version, percent in division
        if percent or keep_zero
    )


def _stable_division(app: AppSpec, gateway: str | None) -> tuple[tuple[str, int], ...]:
    """The shares of whoever belongs to no audience; an experiment by gateway takes all that comes through it."""
    rollout = app.rollout
    if rollout is None:
        return ()
    for experiment in rollout.experiments.values():
        if experiment.gateway is not None and experiment.gateway == gateway:
            return _experiment_division(rollout, experiment.version, experiment.percent)
    return shares(rollout)


def _experiment_division(rollout: RolloutSpec, version: str, percent: int) -> tuple[tuple[str, int], ...]:
    if percent == 100 or version == rollout.stable:
        return ((version, 100),)
    return ((rollout.stable, 100 - percent), (version, percent))


def _pin_match(pin: PinSpec) -> Mapping[str, StringMatch]:
    if pin.header is not None:
        return {pin.header: exact(pin.value)}
    return {"cookie": regex(rf"(.*;\s*)?{re.escape(pin.cookie or '')}={re.escape(pin.value)}(;.*)?")}


class Forward(NamedTuple):
    """How requests of one path go on to the app."""

    timeout: timedelta | None
    retries: HTTPRetry
    rewrite: HTTPRewrite | None = None
    headers: Headers | None = None
    cors: CorsPolicy | None = None
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None


def _forward(
    name: str,
    matches: Sequence[HTTPMatchRequest],
    app_name: str,
    app: AppSpec,
    how: Forward,
    division: Sequence[tuple[str, int]] | None,
) -> HTTPRoute:
    """A route with these shares; None leaves the shares to the controller that owns the weighted VirtualService."""
    return HTTPRoute(
        name=name,
        match=matches,
        route=() if division is None else _destinations(app_name, app, division),
        delegate=Delegate(name=f"{app_name}-rollout", namespace=app.namespace) if division is None else None,
        timeout=how.timeout,
        retries=how.retries,
        rewrite=how.rewrite,
        headers=how.headers,
        cors_policy=how.cors,
        mirror=how.mirror,
        mirror_percentage=how.mirror_percentage,
    )


def _handed_off(app: AppSpec) -> bool:
    return app.rollout is not None and app.rollout.managed_by == "argo-rollouts"


def route_uri(route: RouteSpec) -> StringMatch:
    return exact(route.exact) if route.exact is not None else StringMatch(prefix=route.prefix)


def _forward_of(
    name: str, app: AppSpec, route: RouteSpec, *, strip: Sequence[str] = (), cors: CorsPolicy | None = None
) -> Forward:
    headers = route.headers.to_istio()
    if strip:
        request = route.headers.request
        headers = Headers(
            request=Headers_HeaderOperations(set=request.set, remove=tuple(dict.fromkeys([*request.remove, *strip]))),
            response=route.headers.response.to_istio(),
        )
    return Forward(
        timeout=route.timeout,
        retries=(route.retries or app.resilience.retries).istio,
        rewrite=None if route.rewrite is None else HTTPRewrite(uri=route.rewrite),
        headers=headers,
        cors=cors,
        mirror=None if route.mirror is None else _destination(name, app, route.mirror.version),
        mirror_percentage=None if route.mirror is None else Percent(value=route.mirror.percent),
    )


class HostRoutes:
    """Routes of one host at one gateway, in their order."""

    def __init__(self, graph: Graph, name: str, app: AppSpec, exposure: Exposure) -> None:
        self.graph, self.name, self.app, self.host, self.gateway = graph, name, app, exposure.host, exposure.gateway
        canary = app.rollout and app.rollout.canary
        self.pin = canary.pin if canary else None
        # A header that only callers in the mesh may pin with is taken away here, so that the app cannot pass it on.
        self.stripped = (self.pin.header,) if self.pin and self.pin.allowed == "callers" and self.pin.header else ()
        self.tokens = () if app.auth is None else challenge.token_matches(app, app.auth, exposure.host)

    def routes(self) -> Iterator[HTTPRoute]:
        app, auth = self.app, self.app.auth
        if any(route.prefix is not None for route in app.routes):
            # Only a prefix leaves room for such a path; beside exact paths it has no route anyway.
            yield challenge.answer(
                f"{self.name}.ambiguous-path", [HTTPMatchRequest(uri=regex(ENCODED_SEPARATORS))], 404, {}
            )
        if auth is not None:
            yield from challenge.metadata_routes(self.name, app, auth, self.host)
        if app.mcp is not None:
            uri = exact(app.mcp.path)
            cors = self._cors(app.mcp.methods, app.mcp.request_headers, app.mcp.response_headers)
            how = Forward(timeout=None, retries=app.resilience.retries.istio, headers=self._strip_only(), cors=cors)
            yield from self._guarded("mcp", uri, app.mcp.methods, self.name, app, how, protected=auth is not None)
        # Exact paths before prefixes, longer before shorter: the first match wins.
        for route in sorted(app.routes, key=lambda r: (r.exact is None, -len(r.path))):
            yield from self._further(route)

    def _cors(self, methods: Sequence[str], request: Sequence[str], response: Sequence[str]) -> CorsPolicy | None:
        return self.app.cors.to_istio(methods, request, response) if self.app.cors.origins else None

    def _strip_only(self) -> Headers | None:
        return Headers(request=Headers_HeaderOperations(remove=self.stripped)) if self.stripped else None

    def _further(self, route: RouteSpec) -> Iterator[HTTPRoute]:
        label, uri = re.sub(r"[^a-z0-9]+", "-", route.path.lower()).strip("-") or "root", route_uri(route)
        label = label if route.exact is not None else f"{label}-prefix"
        if route.respond is not None:
            headers = {
                **({"content-type": route.respond.content_type} if route.respond.body is not None else {}),
                **route.headers.response.set,
            }
            matches = [HTTPMatchRequest(uri=uri, method=methods_match(route.methods))]
            yield challenge.answer(f"{self.name}.{label}", matches, route.respond.status, headers, route.respond.body)
            yield challenge.method_not_allowed(f"{self.name}.{label}.method", uri, route.methods)
            return
        target = self.name if route.to is None else route.to.app
        cors = self._cors(route.methods, ("authorization", "content-type"), ("www-authenticate",))
        how = _forward_of(self.name, self.app, route, strip=self.stripped, cors=cors)
        protected = self.app.auth is not None and route.auth == "required"
        yield from self._guarded(label, uri, route.methods, target, self.graph.apps[target], how, protected=protected)

    def _guarded(
        self,
        label: str,
        uri: StringMatch,
        methods: Sequence[str],
        target: str,
        app: AppSpec,
        how: Forward,
        *,
        protected: bool,
    ) -> Iterator[HTTPRoute]:
        """What may pass on one path, then the answers for what may not."""
        name, auth, method = f"{self.name}.{label}", self.app.auth, methods_match(methods)
        credentials: tuple[Mapping[str, StringMatch], ...] = self.tokens if protected else ({},)
        if how.cors is not None:
            yield self._preflight(f"{name}.preflight", uri, target, app, how)
        if protected and auth is not None:
            good = [HTTPMatchRequest(uri=uri, method=method, headers=token) for token in credentials]
            for claim, values in auth.claims.items():
                # No challenge: a new token for the same person would say the same.
                accepted = {challenge.claim(claim): challenge.one_of(values)}
                lacking = [tool_rules.with_headers(match, {}, accepted) for match in good]
                yield challenge.answer(f"{name}.claim", lacking, 403, {})
            for scope in auth.scopes:
                lacking = [tool_rules.without_scope(match, scope) for match in good]
                yield from challenge.insufficient_scope(
                    f"{name}.scope", self.app, auth, self.host, lacking, auth.scopes
                )
            if label == "mcp" and auth.tools:
                yield from tool_rules.routes(name, self.app, auth, self.host, good)
        yield from self._divided(name, uri, method, credentials, target, app, how)
        if protected and auth is not None:
            yield from challenge.challenge_routes(name, self.app, auth, self.host, uri, methods)
        yield challenge.method_not_allowed(f"{name}.method", uri, methods)

    def _preflight(self, name: str, uri: StringMatch, target: str, app: AppSpec, how: Forward) -> HTTPRoute:
        """The CORS filter answers it, and only on a route that would lead on; a direct response never gets CORS."""
        matches = [
            HTTPMatchRequest(
                uri=uri,
                method=exact("OPTIONS"),
                headers={"origin": exact(origin), "access-control-request-method": PRESENT},
            )
            for origin in self.app.cors.origins
        ]
        # Nothing to copy: a mirror that is declared for reads would stand on a route of another method.
        answered = how._replace(mirror=None, mirror_percentage=None)
        return _forward(name, matches, target, app, answered, _stable_division(app, self.gateway))

    def _divided(
        self,
        name: str,
        uri: StringMatch,
        method: StringMatch,
        credentials: Sequence[Mapping[str, StringMatch]],
        target: str,
        app: AppSpec,
        how: Forward,
    ) -> Iterator[HTTPRoute]:
        rollout = app.rollout
        if (
            rollout is not None
            and rollout.canary is not None
            and (pin := rollout.canary.pin) is not None
            and pin.allowed == "anyone"
        ):
            pinned = [
                HTTPMatchRequest(uri=uri, method=method, headers={**token, **_pin_match(pin)}) for token in credentials
            ]
            yield _forward(f"{name}.pinned", pinned, target, app, how, ((rollout.canary.version, 100),))
        if rollout is not None and credentials != ({},):
            for label, experiment in rollout.experiments.items():
                if experiment.claim is None:
                    continue
                value = challenge.one_of(experiment.claim.values)
                audience = [
                    HTTPMatchRequest(
                        uri=uri, method=method, headers={**token, challenge.claim(experiment.claim.name): value}
                    )
                    for token in credentials
                ]
                division = _experiment_division(rollout, experiment.version, experiment.percent)
                yield _forward(f"{name}.experiment-{label}", audience, target, app, how, division)
        everybody = [HTTPMatchRequest(uri=uri, method=method, headers=token) for token in credentials]
        yield _forward(
            name, everybody, target, app, how, None if _handed_off(app) else _stable_division(app, self.gateway)
        )


def _mesh_routes(name: str, app: AppSpec) -> Iterator[HTTPRoute]:
    """Routes for callers in the mesh. Who they are and what they may ask for is checked at the app (`mesh.callers`)."""
    retries = app.resilience.retries.istio
    division = None if _handed_off(app) else _stable_division(app, None)
    anything = Forward(timeout=None, retries=retries)
    stable = ((app.rollout.stable, 100),) if app.rollout else ()
    for index, fault in enumerate(app.faults):
        match = HTTPMatchRequest(headers={fault.header: exact(fault.value)})
        yield HTTPRoute(
            name=f"{name}.fault-{index}",
            match=(match,),
            fault=fault.to_istio(),
            route=_destinations(name, app, stable),
            retries=HTTPRetry(attempts=0),
        )
    canary = app.rollout and app.rollout.canary
    own = sorted((r for r in app.routes if r.own), key=lambda r: (r.exact is None, -len(r.path)))
    if canary and canary.pin is not None:
        pinned = _pin_match(canary.pin)
        for route in own:
            # With its methods, or a mirror that is declared for GET would copy whatever else is pinned.
            match = HTTPMatchRequest(uri=_own_uri(route), method=methods_match(route.methods), headers=pinned)
            how = _own_forward(name, app, route)
            yield _forward(f"{name}.pinned", [match], name, app, how, ((canary.version, 100),))
        yield _forward(
            f"{name}.pinned", [HTTPMatchRequest(headers=pinned)], name, app, anything, ((canary.version, 100),)
        )
    for route in own:
        match = HTTPMatchRequest(uri=_own_uri(route), method=methods_match(route.methods))
        yield _forward(f"{name}.{route.path}", [match], name, app, _own_forward(name, app, route), division)
    yield _forward(name, [], name, app, anything, division)


def _own_uri(route: RouteSpec) -> StringMatch:
    """Callers in the mesh address the app by its own paths."""
    return exact(route.upstream_path) if route.exact is not None else StringMatch(prefix=route.upstream_path)


def _own_forward(name: str, app: AppSpec, route: RouteSpec) -> Forward:
    """Without the rewrite, which is the gateway's business."""
    return _forward_of(name, app, route)._replace(rewrite=None)
