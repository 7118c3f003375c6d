"""Scopes per tool, where the wire names the tool: MCP since 2026-07-28 puts it into the header `mcp-name`.

A header that says less than the body would be a way around the rule, so whatever does not name its method and tool in
the plain form is refused. Servers must reject a header that contradicts the body, and intermediaries an older version.
Source: https://modelcontextprotocol.io/specification (transports)
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.objects.answers import answer
from chatgpt_mesh.mesh.objects.auth.challenge import JSON, insufficient_scope, refusal
from chatgpt_mesh.mesh.objects.auth.claims import by_rule, without_scope
from chatgpt_mesh.mesh.objects.auth.tool_names import ALIAS, PLAIN_TOOL_NAME
from chatgpt_mesh.mesh.objects.matches import exact, methods_match, regex, with_headers
from chatgpt_mesh.mesh.specs.mcp import MODERN_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, HTTPRoute
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec

PLAIN_METHOD = r"[A-Za-z]+(/[A-Za-z_]+)*"


def anything_but(words: Iterable[str]) -> str:
    """A regular expression for every text that is none of these words (RE2 has no negation)."""
    tails: dict[str, set[str]] = {}
    for word in words:
        tails.setdefault(word[:1], set()).add(word[1:])
    ends_here = tails.pop("", None) is not None
    known = "".join(sorted(tails))
    options = [] if ends_here else [""]
    options.append(rf"[^{re.escape(known)}].*" if known else ".+")
    options += [f"{re.escape(head)}({anything_but(tails[head])})" for head in sorted(tails)]
    return "|".join(options)


def routes(name: str, app: AppSpec, auth: AuthSpec, host: str, good: Sequence[HTTPMatchRequest]) -> Iterator[HTTPRoute]:
    """403 for calls of guarded tools without their scope, and for requests that do not say what they call."""
    assert app.mcp is not None, "refused by problems()"  # noqa: S101
    post = [replace(match, method=exact("POST")) for match in good]
    modern = methods_match(MODERN_VERSIONS)
    older = [with_headers(match, {}, {"mcp-protocol-version": modern}) for match in post]
    # Envoy looks at each value of a repeated header by itself, and a server may take another one than the route did.
    older += [with_headers(match, {"mcp-protocol-version": regex(anything_but(MODERN_VERSIONS))}) for match in post]
    guarded = tuple(dict.fromkeys(rule.scope for rule in auth.tools.values()))
    if app.mcp.era == "modern":
        said = refusal(f"tools are called by protocol {', '.join(MODERN_VERSIONS)} here")
        yield answer(f"{name}.older-protocol", older, 403, JSON, said)
    else:
        # An older client does not say which tool it calls, so it may call one only with a token that may call them all.
        for scope in guarded:
            for needed, theirs in by_rule(older, auth):
                lacking = [without_scope(match, needed, scope) for match in theirs]
                asked = needed.as_asked(guarded)
                yield from insufficient_scope(f"{name}.older-protocol", app, auth, host, lacking, asked)
    current = [with_headers(match, {"mcp-protocol-version": modern}) for match in post]
    call = {"mcp-method": exact("tools/call")}
    unnamed = [with_headers(m, {}, {"mcp-method": regex(PLAIN_METHOD)}) for m in current]
    unnamed += [with_headers(m, call, {"mcp-name": regex(PLAIN_TOOL_NAME)}) for m in current]
    said = refusal("the headers mcp-method and mcp-name do not say plainly what is called")
    yield answer(f"{name}.unnamed-call", unnamed, 403, JSON, said)
    names = [(exact(tool), rule.scope) for tool, rule in sorted(auth.tools.items())]
    names += [(regex(ALIAS), scope) for scope in guarded]
    for tool, scope in names:
        named = [with_headers(m, {**call, "mcp-name": tool}) for m in current]
        for needed, theirs in by_rule(named, auth):
            lacking = [without_scope(match, needed, scope) for match in theirs]
            yield from insufficient_scope(f"{name}.tool", app, auth, host, lacking, needed.as_asked([scope]))
