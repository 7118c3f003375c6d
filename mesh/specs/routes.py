"""Further paths of an app's host, beside the MCP path:
https://istio.io/latest/docs/reference/config/networking/virtual-service/"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs import redirects
from chatgpt_mesh.mesh.specs.callers import Method
from chatgpt_mesh.mesh.specs.declared import listed
from chatgpt_mesh.mesh.specs.header_values import AnswerBody, HeaderValue, MediaType
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.redirects import NEEDS_LOCATION, RedirectSpec
from chatgpt_mesh.mesh.specs.resilience import RetriesSpec, longest, retry_problems
from chatgpt_mesh.mesh.specs.spec import (
    DnsLabel,
    Duration,
    HeaderName,
    HttpPath,
    Many,
    Percent,
    Spec,
    duration_text,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import timedelta

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Methods of which a copy does no harm (RFC 9110, section 9.2.1)."""


class HeaderChangesSpec(Spec):
    """Changes to one direction's headers."""

    set: dict[HeaderName, HeaderValue] = {}
    """Headers to write, whatever the other side sent (there is no `add`: it would let a client send the first
    value)."""
    remove: Many[HeaderName] = ()
    """Headers to take away."""


class HeadersSpec(Spec):
    """Changes to headers, on the way in and on the way out."""

    request: HeaderChangesSpec = HeaderChangesSpec()
    """What the app sees. Values may use Envoy's formatter, such as %START_TIME%; the character % is written %%."""
    response: HeaderChangesSpec = HeaderChangesSpec()
    """What the client sees."""


class RespondSpec(Spec):
    """An answer that the proxy gives itself."""

    status: int = Field(ge=200, le=599)
    """HTTP status."""
    body: AnswerBody | None = None
    """Text of the answer."""
    content_type: MediaType = "text/plain; charset=utf-8"
    """Type of the text."""


class RouteTargetSpec(Spec):
    """Another app of this stack."""

    app: DnsLabel
    """Its name. It gets an ALLOW for this gateway, these paths and these methods."""


class MirrorSpec(Spec):
    """A copy of requests whose answers nobody sees."""

    version: DnsLabel
    """The version that gets the copies."""
    percent: Percent = 10
    """Share of the route's requests that are copied."""


class RouteSpec(Spec):
    """A path of the host. Exactly one of exact and prefix."""

    exact: HttpPath | None = None
    """The whole path."""
    prefix: HttpPath | None = None
    """Everything below a path that ends with '/'. One that takes in the MCP path, such as `/` for a web UI, leads
    neither that path on, nor what is below it, nor what a server could read as it: those answer as without the
    prefix."""
    methods: Many[Method] = ("GET",)
    """Methods; any other is answered 405."""
    to: RouteTargetSpec | None = None
    """Another app. Default: this app."""
    respond: RespondSpec | None = None
    """Answer here instead of leading anywhere."""
    redirect: RedirectSpec | None = None
    """Send the client to another host or path."""
    rewrite: HttpPath | None = None
    """What the path, or the prefix, becomes on the way to the app."""
    headers: HeadersSpec = HeadersSpec()
    """Header changes."""
    timeout: Annotated[Duration, within("1ms", "24h")] | None = None
    """Limit of the whole request. Default: none."""
    retries: RetriesSpec | None = None
    """Retries. Default: the app's."""
    mirror: MirrorSpec | None = None
    """Copies to another version of this app; only of GET and HEAD."""
    auth: Literal["required", "none"] = "required"
    """Ask for the same token as the MCP path, where the app declares auth. none: open to everybody."""

    @property
    def path(self) -> str:
        return self.exact or self.prefix or ""

    @property
    def upstream_path(self) -> str:
        """The path as the app sees it."""
        return self.rewrite or self.path

    @property
    def own(self) -> bool:
        """Whether it leads to the app that declares it."""
        return self.to is None and self.leads_on

    @property
    def leads_on(self) -> bool:
        """Whether it leads to an app at all; else the proxy answers by itself."""
        return self.respond is None and self.redirect is None


def reaches(route: RouteSpec, mcp_path: str) -> bool:
    """Whether a route leads requests to an MCP path, the one with a '/' at its end included."""
    upstream = route.upstream_path
    if route.exact is not None:
        return upstream.rstrip("/") == mcp_path.rstrip("/")
    return f"{mcp_path}/".startswith(upstream) if route.rewrite is not None else upstream == f"{mcp_path}/"


def problems(
    path: str,
    routes: Sequence[RouteSpec],
    *,
    mcp_paths: Sequence[str],
    versions: Collection[str],
    longest_call: timedelta,
    retries: RetriesSpec,
    hosts: frozenset[str],
) -> Iterator[Problem]:
    """`mcp_paths`: spellings of the MCP path, the declared one first. `retries`: those of routes without their own.
    `hosts`: those of the app's hosts that serve it."""
    taken: dict[tuple[str, str], str] = {}
    mcp_path = mcp_paths[0] if mcp_paths else None
    for spelling in mcp_paths:
        taken["exact", spelling] = "mcp.path" if spelling == mcp_path else "mcp.trailing_slash: same"
    for index, route in enumerate(routes):
        where = f"{path}.{index}"
        if (route.exact is None) == (route.prefix is None):
            yield Problem(where, "needs exactly one of exact and prefix")
            continue
        kind = "exact" if route.exact is not None else "prefix"
        if kind == "prefix" and not route.path.endswith("/"):
            yield Problem(
                f"{where}.prefix", "must end with '/', or it would take in other words that begin alike", route.path
            )
        if kind == "prefix" and mcp_path == route.path:
            yield Problem(
                f"{where}.prefix", "is the MCP path, below which nothing is routed; move one of them", route.path
            )
        elif mcp_path is not None and route.own and reaches(route, mcp_path) and route.path not in mcp_paths:
            field = "rewrite" if route.rewrite is not None else kind
            yield Problem(
                f"{where}.{field}",
                f"leads to the MCP endpoint {mcp_path} under a second name, where its tools, origins and methods are "
                "not asked for; let clients use the one name, or for a '/' at its end declare mcp.trailing_slash: same",
                route.rewrite or route.path,
            )
        if route.path.startswith("/.well-known/oauth-protected-resource"):
            yield Problem(
                f"{where}.{kind}", "is where the resource metadata of auth is served; choose another path", route.path
            )
        other = taken.setdefault((kind, route.path), f"routes.{index}")
        if other != f"routes.{index}":
            yield Problem(f"{where}.{kind}", f"{other} has this path already", route.path)
        yield from _target_problems(where, route, longest_call)
        if route.redirect is not None:
            at = f"{where}.redirect"
            yield from redirects.problems(at, route.redirect, exact=route.exact, prefix=route.prefix, hosts=hosts)
        if route.retries is not None:
            yield from retry_problems(f"{where}.retries", route.retries, mcp=False, timeout=route.timeout)
        elif route.leads_on and route.timeout is not None and longest(retries) > route.timeout:
            yield Problem(
                f"{where}.timeout",
                f"is shorter than the {longest(retries).total_seconds():g}s that resilience.retries may take with its "
                "per_try_timeout; raise it, or give this route retries of its own",
                duration_text(route.timeout),
            )
        if route.mirror is not None:
            yield from _mirror_problems(f"{where}.mirror", route, route.mirror, versions)


def _target_problems(path: str, route: RouteSpec, longest_call: timedelta) -> Iterator[Problem]:
    for answer in ("respond", "redirect"):
        if getattr(route, answer) is None:
            continue
        for name in ("to", "rewrite", "timeout", "retries", "mirror", *(("redirect",) if answer == "respond" else ())):
            if getattr(route, name) is not None:
                yield Problem(
                    f"{path}.{name}", f"has no meaning beside {answer}, which answers here; remove one of them"
                )
    located = "location" in route.headers.response.set
    if route.respond is not None and route.respond.status in NEEDS_LOCATION and not located:
        yield Problem(
            f"{path}.respond.status",
            "is a redirect, and no location says where to; write redirect with host or path instead of respond, or set "
            "the header location under headers.response",
            route.respond.status,
        )
    if route.rewrite is not None and route.prefix is not None and not route.rewrite.endswith("/"):
        yield Problem(f"{path}.rewrite", "must end with '/' as the prefix does", route.rewrite)
    if route.timeout is not None and route.timeout > longest_call:
        yield Problem(
            f"{path}.timeout",
            f"is longer than longest_call ({longest_call.total_seconds():g}s), for which proxies wait "
            "when they drain; raise longest_call",
            route.timeout.total_seconds(),
        )


def _mirror_problems(path: str, route: RouteSpec, mirror: MirrorSpec, versions: Collection[str]) -> Iterator[Problem]:
    unsafe = sorted(set(route.methods) - SAFE_METHODS)
    if unsafe:
        yield Problem(path, f"copies only GET and HEAD; {', '.join(unsafe)} would run twice", ", ".join(route.methods))
    if route.to is not None:
        yield Problem(
            path, "copies to a version of this app, and the route leads to another one; declare the mirror there"
        )
    if mirror.version not in versions:
        known = listed(versions)
        yield Problem(f"{path}.version", f"is not a declared version; versions declares: {known}", mirror.version)
