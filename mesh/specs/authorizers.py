"""Services that decide on requests beside the mesh's own rules (Envoy's ext_authz):
https://istio.io/latest/docs/tasks/security/authorization/authz-custom/"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs.declared import Declared, NamedSpec, listed
from chatgpt_mesh.mesh.specs.header_values import HeaderValue
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import (
    Duration,
    HeaderName,
    Hostname,
    HttpPath,
    Many,
    PortNumber,
    Spec,
    within,
)
from chatgpt_mesh.mesh.specs.telemetry_providers import JSON_LOG, PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.external_authorization import ExternalAuthorizationSpec

LONGEST_BODY = 1024 * 1024
"""Bytes of a request that a sidecar holds for an authorizer: each is memory while it waits."""


class RequestBodySpec(Spec):
    """How much of a request's body is shown. The sidecar holds the request until it has that much."""

    max_request_bytes: int = Field(default=8192, ge=1, le=LONGEST_BODY)
    """Bytes. A longer body is answered 413, unless a part of it is enough."""
    allow_partial_message: bool = False
    """Show the beginning of a longer body. Security: what decides is then only what stands first."""
    pack_as_bytes: bool = False
    """Send it as bytes and not as UTF-8 text; for grpc."""


class HttpAuthorizerSpec(Spec):
    """An authorizer that is asked over HTTP with the request's own method and path, and answers 200 to let it pass.

    It always sees Host, method, path, content-length and Authorization. Every other header, of either direction, has to
    be named: what is not named is not handed on.
    """

    path_prefix: HttpPath | None = None
    """Path in front of the request's own."""
    include_request_headers_in_check: Many[HeaderName] = ()
    """Headers of the request that it sees, such as cookie or x-mcp-sub."""
    include_additional_headers_in_check: dict[HeaderName, HeaderValue] = {}
    """Headers that the sidecar adds to the question."""
    headers_to_upstream_on_allow: Many[HeaderName] = ()
    """Headers of its answer that the app gets, over those of the client."""
    headers_to_downstream_on_deny: Many[HeaderName] = ()
    """Headers of its refusal that the client gets, such as location or set-cookie; the body it gets in any case."""
    headers_to_downstream_on_allow: Many[HeaderName] = ()
    """Headers of its consent that the client gets."""


class GrpcAuthorizerSpec(Spec):
    """An authorizer that speaks Envoy's own protocol, as OPA does: it sees all headers and says what it changes.
    https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto"""


class AuthorizerSpec(NamedSpec):
    """A service that decides on requests. Exactly one of http and grpc."""

    section = "authorizers"

    service: Hostname
    """Full name of its Service, such as opa.policy.svc.cluster.local. An app of this stack is called under its own
    ALLOW, which follows from the apps that ask it."""
    port: PortNumber
    """Port of the Service."""
    http: HttpAuthorizerSpec | None = None
    """It speaks HTTP; `http: {}` names no header."""
    grpc: GrpcAuthorizerSpec | None = None
    """It speaks gRPC: `grpc: {}`."""
    timeout: Annotated[Duration, within("1ms", "60s", "every request waits for it")] = Field(
        default="1s", validate_default=True
    )
    """Time to wait for its answer. Istio's own default is ten minutes."""
    fail_open: bool = False
    """Let requests pass while it cannot be reached or is too slow. Security: whoever can bring it down is then let in,
    so the default refuses."""
    status_on_error: Literal[401, 403, 429, 500, 502, 503, 504] = 403
    """Answer while it cannot be reached. At 502, 503 and 504 callers take the app's pods for broken, and eject them."""
    include_request_body_in_check: RequestBodySpec | None = None
    """Show it the body, too; null shows none."""


def problems(
    authorizers: Declared[AuthorizerSpec], apps: Declared[AppSpec], backends: Collection[str]
) -> Iterator[Problem]:
    """`backends`: names of the providers of telemetry, which share one list in Istio."""
    services = {app.service_host: app for app in apps.values() if app.service is not None}
    homes = {app.namespace for app in apps.values()}
    for authorizer in authorizers.values():
        path = authorizer.declared_at
        if (authorizer.http is None) == (authorizer.grpc is None):
            yield Problem(path, "needs exactly one of http and grpc")
        if authorizer.name in {*backends, JSON_LOG, PROMETHEUS}:
            yield Problem(
                path, "is the name of a provider of telemetry too; Istio keeps one list of both, so rename it"
            )
        body = authorizer.include_request_body_in_check
        if body is not None and body.pack_as_bytes and authorizer.http is not None:
            yield Problem(
                f"{path}.include_request_body_in_check.pack_as_bytes", "is for grpc; over HTTP a body is bytes anyway"
            )
        yield from _service_problems(authorizer, services, homes if apps.complete else ())
    for app in apps.values():
        if app.external_authorization is not None:
            yield from _use_problems(app, app.external_authorization, authorizers, apps)


def _service_problems(
    authorizer: AuthorizerSpec, services: Mapping[str, AppSpec], homes: Collection[str]
) -> Iterator[Problem]:
    path, parts = authorizer.declared_at, authorizer.service.split(".")
    app = services.get(authorizer.service)
    if parts[2:] != ["svc", "cluster", "local"]:
        yield Problem(
            f"{path}.service",
            "must be a Service of the cluster by its full name, NAME.NAMESPACE.svc.cluster.local: proxies ask it for "
            "each request, and know it by its identity",
            authorizer.service,
        )
    elif app is None and parts[1] in homes:
        yield Problem(
            f"{path}.service",
            f"is no app of {parts[1]}, and whatever is not an app there is denied; declare it as an app, or run it in "
            "a namespace of its own",
            authorizer.service,
        )
    elif app is not None and app.service is not None and app.service.port != authorizer.port:
        yield Problem(f"{path}.port", f"{app.declared_at} has port {app.service.port}", authorizer.port)
    elif app is not None and app.external_authorization is not None:
        yield Problem(
            f"{path}.service",
            f"is that of {app.declared_at}, which asks an authorizer itself; what decides must be asked directly",
            authorizer.service,
        )


def _use_problems(
    app: AppSpec,
    use: ExternalAuthorizationSpec,
    authorizers: Declared[AuthorizerSpec],
    apps: Declared[AppSpec],
) -> Iterator[Problem]:
    path = f"{app.declared_at}.external_authorization"
    if app.service is None:
        yield Problem(path, "needs the app's service, whose requests are asked about; declare service with its port")
    if not authorizers.knows(use.authorizer):
        yield Problem(f"{path}.authorizer", unknown(authorizers), use.authorizer)
    served = _served(app, apps)
    for index, asked in enumerate(use.paths):
        around = next(
            (name for name in served if name != asked and name.endswith("/") and asked.startswith(name)), None
        )
        if around is not None:
            yield Problem(
                f"{path}.paths.{index}",
                f"is a part of {around}, of which the app serves all, and it may read a path differently from the "
                f"proxy (doubled slashes, for one); ask about {around} as a whole",
                asked,
            )
        elif not any(name == asked or (asked.endswith("/") and name.startswith(asked)) for name in served):
            yield Problem(
                f"{path}.paths.{index}", f"takes in no path that the app serves; they are: {listed(served)}", asked
            )


def _served(app: AppSpec, apps: Mapping[str, AppSpec]) -> list[str]:
    """Paths that somebody may ask of the app, as it sees them."""
    found = [] if app.mcp is None else [app.mcp.path]
    for other in apps.values():
        found += [
            route.upstream_path
            for route in other.routes
            if (route.own and other is app) or (route.to is not None and route.to.app == app.name)
        ]
    found += [path for caller in app.callers for path in caller.paths]
    return list(dict.fromkeys(found))


def unknown(authorizers: Declared[AuthorizerSpec]) -> str:
    """For a name that nobody declares, at which a proxy would refuse everything."""
    return (
        f"is no declared authorizer; there are: {listed(sorted(authorizers))}. Declare it under authorizers by its "
        "name, with service, port and http: {} or grpc: {}"
    )
