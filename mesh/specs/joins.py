"""MCP servers behind one endpoint: an app whose pods offer the tools of other apps, each under a prefix.

The apps behind let the joining pods in as they let in any caller, by identity, and ask them for no token. So who may
call a tool is decided in front, and a rule that an app has at its own host and that the joined endpoint lacks would be
a way around it. Each such gap is a mistake here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec, TokenRule

ANSWERED_IN_FRONT = frozenset({"initialize", "notifications/initialized", "ping", "server/discover"})
"""Methods that a joining server answers by itself."""


class _Behind(NamedTuple):
    """An app behind another one's endpoint."""

    path: str
    prefix: str
    app: AppSpec


def problems(apps: Declared[AppSpec]) -> Iterator[Problem]:
    """What an endpoint joins that is none, and rules of the apps behind that it lacks."""
    for app in apps.values():
        if app.mcp is None or not app.mcp.joins:
            continue
        path = f"{app.declared_at}.mcp.joins"
        yield from _prefix_problems(path, app.mcp.joins)
        for prefix, name in app.mcp.joins.items():
            at = f"{path}.{prefix}"
            behind = apps.get(name)
            if behind is None:
                if not apps.knows(name):
                    yield Problem(at, f"is not an app of this stack; there are: {listed(apps)}", name)
            elif name == app.name:
                yield Problem(at, "is this app itself; name the app whose tools it offers", name)
            elif behind.mcp is None:
                yield Problem(
                    at, f"is an app without mcp; let {behind.declared_at}.callers name this app and its paths", name
                )
            else:
                yield from _gaps(app, _Behind(at, prefix, behind))


def _prefix_problems(path: str, joins: Mapping[str, str]) -> Iterator[Problem]:
    for prefix in joins:
        for other in joins:
            if prefix != other and prefix.startswith(other):
                yield Problem(
                    f"{path}.{prefix}",
                    f"begins with {other}, another prefix, so one name could be a tool of either; choose another",
                    prefix,
                )


def _gaps(app: AppSpec, behind: _Behind) -> Iterator[Problem]:
    target = behind.app
    if all(caller.app != app.name for caller in target.callers):
        yield Problem(
            behind.path,
            f"does not let this app in; add {{app: {app.name}}} to {target.declared_at}.callers",
            target.name,
        )
    if not app.served or target.auth is None:
        return
    if app.auth is None:
        yield Problem(
            f"{app.declared_at}.auth",
            f"is missing, and {target.declared_at}, whose tools this app offers, asks for tokens; ask for them here "
            "too, since the apps behind ask this app for none",
        )
        return
    at = f"{app.declared_at}.auth"
    yield from _tool_gaps(at, app.auth, behind, target.auth)
    yield from _token_gaps(at, app.auth, behind, target.auth)
    yield from _anonymous_gaps(at, app.auth, behind, target.auth)


def _tool_gaps(path: str, front: AuthSpec, behind: _Behind, theirs: AuthSpec) -> Iterator[Problem]:
    for tool, rule in theirs.tools.items():
        at = f"{path}.tools.{behind.prefix}{tool}"
        ours = front.tools.get(f"{behind.prefix}{tool}")
        if ours is None:
            yield Problem(
                at,
                f"is missing; {behind.app.declared_at}.auth.tools.{tool} asks for a scope, and through this app the "
                f"tool would run without: add {{scope: {rule.scope}}}",
            )
        elif ours.scope != rule.scope:
            yield Problem(
                f"{at}.scope",
                f"is another one than {behind.app.declared_at}.auth.tools.{tool} asks for; use {rule.scope}",
                ours.scope,
            )


def _token_gaps(path: str, front: AuthSpec, behind: _Behind, theirs: AuthSpec) -> Iterator[Problem]:
    known = {issuer.issuer: issuer for issuer in theirs.issuers}
    for index, issuer in enumerate(front.issuers):
        at = f"{path}.issuers.{index}"
        other = known.get(issuer.issuer)
        if other is None:
            yield Problem(
                f"{at}.issuer",
                f"is none of {behind.app.declared_at}, whose tools its tokens would open; remove it here, or accept it "
                "there",
                issuer.issuer,
            )
        else:
            yield from _rule_gaps(at, front.rule(issuer), behind.app, theirs.rule(other))
    for subject in theirs.deny_subjects:
        if subject not in front.deny_subjects:
            yield Problem(
                f"{path}.deny_subjects",
                f"lacks one that {behind.app.declared_at} refuses, who could use its tools through this app; add it",
                subject,
            )


def _rule_gaps(path: str, ours: TokenRule, target: AppSpec, theirs: TokenRule) -> Iterator[Problem]:
    for scope in theirs.scopes:
        if scope not in ours.scopes:
            yield Problem(
                f"{path}.scopes",
                f"lack one that {target.declared_at} asks for, so its tools would open without; add it here or to "
                "auth.scopes",
                scope,
            )
    required = dict(ours.claims)
    for claim, values in theirs.claims:
        if claim not in required or not set(required[claim]) <= set(values):
            yield Problem(
                f"{path}.claims.{claim}",
                f"lets in more than {target.declared_at}, which asks for one of: {listed(values)}; ask for no other "
                "here or in auth.claims",
            )


def _anonymous_gaps(path: str, front: AuthSpec, behind: _Behind, theirs: AuthSpec) -> Iterator[Problem]:
    if front.anonymous is None:
        return
    methods = theirs.anonymous.methods if theirs.anonymous is not None else ()
    for method in front.anonymous.methods:
        if method not in ANSWERED_IN_FRONT and method not in methods:
            yield Problem(
                f"{path}.anonymous.methods",
                f"has one that {behind.app.declared_at}, which would be asked too, takes with a token alone; remove "
                "it, or list it there too",
                method,
            )
    tools = theirs.anonymous.tools if theirs.anonymous is not None else ()
    for tool in front.anonymous.tools:
        if tool.startswith(behind.prefix) and tool.removeprefix(behind.prefix) not in tools:
            yield Problem(
                f"{path}.anonymous.tools",
                f"has a tool of {behind.app.declared_at}, which runs it with a token alone; remove it, or list it "
                "there too",
                tool,
            )
