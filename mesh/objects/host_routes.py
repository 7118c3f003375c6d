"""Routes of one host at one gateway. Their order is the policy: what may pass is matched first, and everything else on
a declared path is answered by the proxy. A path that nobody declared has no route and gets 404."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    CorsPolicy,
    Headers,
    Headers_HeaderOperations,
    HTTPMatchRequest,
    HTTPRoute,
    StringMatch,
)
from chatgpt_mesh.mesh.objects import sessions, well_known
from chatgpt_mesh.mesh.objects.answers import answer, method_not_allowed, redirect
from chatgpt_mesh.mesh.objects.auth import calls, denials, tool_rules
from chatgpt_mesh.mesh.objects.auth.challenge import JSON, challenge_routes, insufficient_scope, refusal
from chatgpt_mesh.mesh.objects.auth.claims import by_rule, claim, token_matches, without_scope
from chatgpt_mesh.mesh.objects.auth.protected_resource import metadata_routes
from chatgpt_mesh.mesh.objects.beside_mcp import guarded_paths, hidden
from chatgpt_mesh.mesh.objects.cors import cors_policy
from chatgpt_mesh.mesh.objects.maintenance import closed
from chatgpt_mesh.mesh.objects.matches import PRESENT, exact, methods_match, one_of, regex, with_headers
from chatgpt_mesh.mesh.objects.mcp_path import as_declared, endpoint_uri
from chatgpt_mesh.mesh.objects.resilience import retry
from chatgpt_mesh.mesh.objects.rollout import experiment_division, moved_division, pin_match, pins_of, stable_division
from chatgpt_mesh.mesh.objects.routes import Forward, by_precedence, forward, forward_of, header_changes, route_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec, Exposure
    from chatgpt_mesh.mesh.specs.auth import AuthSpec, TokenRule
    from chatgpt_mesh.mesh.specs.routes import RouteSpec

ENCODED_SEPARATORS = r"[^?]*(//|;|\\|%(2[eEfF]|5[cC]|00|25|3[bB])).*"
"""Ways to write a path that a proxy and an app may read differently: encoded '/', '\\', '.', ';', '%' and NUL, and
'//'."""


class HostRoutes:
    """Routes of one host at one gateway, in their order."""

    def __init__(self, graph: Graph, app: AppSpec, exposure: Exposure) -> None:
        self.graph, self.app, self.name = graph, app, app.name
        self.host, self.gateway = exposure.host, exposure.gateway
        # A header that only callers in the mesh may pin with is taken away here, so that the app cannot pass it on.
        inside = (pin.header for _, _, pin in pins_of(app) if pin.allowed == "callers" and pin.header)
        self.stripped = tuple(dict.fromkeys(inside))
        # At a gateway of others, the gateway itself asks it for all hosts of the grant.
        ending = app.auth is not None and app.auth.require_expiry and not graph.is_of_a_team
        self.tokens = () if app.auth is None else token_matches(app, app.auth, exposure.host, ending=ending)

    def routes(self) -> Iterator[HTTPRoute]:
        app, auth = self.app, self.app.auth
        if self.graph.is_of_a_team:
            yield from denials.routes(app)
        if app.maintenance is not None:
            yield from closed(app, app.maintenance)
        if any(route.prefix is not None for route in app.routes):
            # Only a prefix leaves room for such a path; beside exact paths it has no route anyway.
            yield answer(f"{self.name}.ambiguous-path", [HTTPMatchRequest(uri=regex(ENCODED_SEPARATORS))], 404, {})
        if auth is not None:
            yield from metadata_routes(app, auth, self.host)
        yield from well_known.routes(app, self.host)
        if app.mcp is not None:
            uri = endpoint_uri(app.mcp)
            cors = self._cors(app.mcp.methods, app.mcp.request_headers, app.mcp.response_headers)
            kept = sessions.kept(app)
            headers = sessions.noted(self._strip_only()) if kept else self._strip_only()
            retries = retry(app.resilience.retries)
            rewrite = as_declared(app.mcp)
            how = Forward(timeout=None, retries=retries, rewrite=rewrite, headers=headers, cors=cors, sessions=kept)
            yield from self._guarded("mcp", uri, app.mcp.methods, app, how, protected=auth is not None)
        shown: set[str] = set()
        for route in by_precedence(app.routes):
            target = app if route.to is None else self.graph.apps[route.to.app]
            if paths := [path for path in guarded_paths(app, route, target) if path not in shown]:
                # Longer prefixes and exact paths were declared by their names, and come before.
                yield hidden(self.name, paths)
                shown.update(paths)
            yield from self._further(route)

    def _cors(self, methods: Sequence[str], request: Sequence[str], response: Sequence[str]) -> CorsPolicy | None:
        return cors_policy(self.app.cors, methods, request, response)

    def _strip_only(self) -> Headers | None:
        return Headers(request=Headers_HeaderOperations(remove=self.stripped)) if self.stripped else None

    def _further(self, route: RouteSpec) -> Iterator[HTTPRoute]:
        label, uri = re.sub(r"[^a-z0-9]+", "-", route.path.lower()).strip("-") or "root", route_uri(route)
        label = label if route.exact is not None else f"{label}-prefix"
        if not route.leads_on:
            yield self._own_answer(f"{self.name}.{label}", route)
            yield method_not_allowed(f"{self.name}.{label}.method", uri, route.methods)
            return
        target = self.app if route.to is None else self.graph.apps[route.to.app]
        cors = self._cors(route.methods, ("authorization", "content-type"), ("www-authenticate",))
        how = forward_of(self.app, route, strip=self.stripped, cors=cors)
        protected = self.app.auth is not None and route.auth == "required"
        yield from self._guarded(label, uri, route.methods, target, how, protected=protected)

    @staticmethod
    def _own_answer(name: str, route: RouteSpec) -> HTTPRoute:
        matches = [HTTPMatchRequest(uri=route_uri(route), method=methods_match(route.methods))]
        if (to := route.redirect) is not None:
            return redirect(name, matches, to.status, host=to.host, path=to.path, headers=header_changes(route.headers))
        assert route.respond is not None, "the caller asks for it"  # noqa: S101
        content_type = {"content-type": route.respond.content_type} if route.respond.body is not None else {}
        headers = {**content_type, **route.headers.response.set}
        return answer(name, matches, route.respond.status, headers, route.respond.body)

    def _guarded(
        self,
        label: str,
        uri: StringMatch,
        methods: Sequence[str],
        app: AppSpec,
        how: Forward,
        *,
        protected: bool,
    ) -> Iterator[HTTPRoute]:
        """What may pass on one path, then the answers for what may not."""
        name, auth, method = f"{self.name}.{label}", self.app.auth, methods_match(methods)
        credentials = self.tokens if protected else (HTTPMatchRequest(),)
        good = [
            HTTPMatchRequest(uri=uri, method=method, headers=token.headers, without_headers=token.without_headers)
            for token in credentials
        ]
        if how.cors is not None:
            yield self._preflight(f"{name}.preflight", uri, app, how)
        if protected and auth is not None:
            for rule, theirs in by_rule(good, auth):
                yield from self._lacking(name, auth, rule, theirs)
            if label == "mcp":
                yield from self._calls(name, auth, good, app, how)
        yield from self._divided(name, good, app, how, protected=protected)
        if protected and auth is not None:
            yield from challenge_routes(name, self.app, auth, self.host, uri, methods)
        yield method_not_allowed(f"{name}.method", uri, methods)

    def _lacking(
        self, name: str, auth: AuthSpec, rule: TokenRule, good: Sequence[HTTPMatchRequest]
    ) -> Iterator[HTTPRoute]:
        """403 for tokens that lack what those of their issuer need."""
        for name_of_claim, values in rule.claims:
            # No challenge: a new token for the same person would say the same.
            lacking = [with_headers(match, {}, {claim(name_of_claim): one_of(values)}) for match in good]
            yield answer(f"{name}.claim", lacking, 403, JSON, refusal(f"the token lacks a claim: {name_of_claim}"))
        for scope in rule.scopes:
            lacking = [without_scope(match, rule, scope) for match in good]
            asked = rule.as_asked(rule.scopes)
            yield from insufficient_scope(f"{name}.scope", self.app, auth, self.host, lacking, asked)

    def _calls(
        self, name: str, auth: AuthSpec, good: Sequence[HTTPMatchRequest], app: AppSpec, how: Forward
    ) -> Iterator[HTTPRoute]:
        """What the tool that a request calls decides, by the headers or by the body that name it."""
        if auth.tools_from == "header":
            if auth.tools:
                yield from tool_rules.routes(name, self.app, auth, self.host, good)
            return
        if not auth.reads_calls:
            return
        assert self.app.mcp is not None, "refused by problems()"  # noqa: S101
        uri = endpoint_uri(self.app.mcp)
        yield from calls.routes(name, self.app, auth, self.host, uri, good)
        if auth.anonymous is not None:
            # The JWT filter drops what a client sends as its subject; nobody's subject must not hang on it alone.
            nobody = Headers(request=Headers_HeaderOperations(remove=(*self.stripped, auth.subject_header)))
            matches = [calls.without_token(uri)]
            unnamed = how._replace(headers=sessions.noted(nobody) if how.sessions else nobody)
            yield from self._divided(f"{name}.anonymous", matches, app, unnamed, protected=False)

    def _preflight(self, name: str, uri: StringMatch, app: AppSpec, how: Forward) -> HTTPRoute:
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
        return forward(name, matches, app, answered, stable_division(app, self.gateway))

    def _divided(
        self,
        name: str,
        good: Sequence[HTTPMatchRequest],
        app: AppSpec,
        how: Forward,
        *,
        protected: bool,
    ) -> Iterator[HTTPRoute]:
        rollout = app.rollout
        if how.sessions:
            yield from sessions.routes(name, good, app, how, self.gateway, protected=protected)
        for label, version, pin in pins_of(app):
            if pin.allowed == "anyone":
                pinned = [with_headers(match, pin_match(pin)) for match in good]
                yield forward(f"{name}.{label}", pinned, app, how, ((version, 100),))
        if rollout is not None and protected:
            for label, experiment in rollout.experiments.items():
                if experiment.claim is None:
                    continue
                value = one_of(experiment.claim.values)
                audience = [with_headers(match, {claim(experiment.claim.name): value}) for match in good]
                division = experiment_division(rollout, experiment.version, experiment.percent)
                yield forward(f"{name}.experiment-{label}", audience, app, how, division)
        yield forward(name, good, app, how, moved_division(app, self.gateway))
