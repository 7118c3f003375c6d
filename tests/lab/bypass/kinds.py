"""Every kind of attempt, with the guard that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.lab.bypass import bodies, framing, grants, headers, paths, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.lab.bypass.attempt import Attempt

PATHS = "routes take declared paths alone, and the app's policy names them too"
VERIFIED = "RequestAuthentication verifies, and a route asks for what it has verified"
TOOLS = "the reader of calls, and routes that match what it has read"
CODEC = "Envoy's own codec, which cannot be taken out"


class Kind(NamedTuple):
    name: str
    guard: str
    made: Callable[[], Iterable[Attempt]]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(self.made())

    def __str__(self) -> str:
        return self.name


KINDS = (
    Kind("the path spelt otherwise", PATHS, paths.spellings),
    Kind("pages of operators", PATHS, paths.operators),
    Kind("another method", "the route's methods, and those of the app's policy", paths.methods),
    Kind("another host", "hosts of the listener and of the routes, and those of the app's policy", paths.hosts),
    Kind("the token elsewhere", "routes that ask for a verified token", tokens.elsewhere),
    Kind("a forged token", VERIFIED, tokens.signatures),
    Kind("a token out of its time", VERIFIED, tokens.times),
    Kind(
        "a token without end",
        "a condition of routes: the header into which the gateway writes `exp`",
        tokens.without_end,
    ),
    Kind("a token for others", "routes compare the audience", tokens.audiences),
    Kind("a token of others", VERIFIED, tokens.issuers),
    Kind("a token of nobody", "routes ask for a subject", tokens.subjects),
    Kind("a denied subject", "the DENY policy of the app at its gateway", tokens.denied),
    Kind("a scope that is not granted", "the route that answers 403 for lack of a scope", grants.scopes),
    Kind("a tool's scope that is not granted", "the route of the tool", grants.tool_scopes),
    Kind("a claim of another value", "the route that answers 403 for lack of a claim", grants.claims),
    Kind("a foreign origin", "the DENY policy of the app at its gateway", headers.origins),
    Kind("a header with an underscore", "the gateway refuses such names", headers.underscores),
    Kind("a session that nobody began", "the routes of sessions", headers.sessions),
    Kind("headers against the body", TOOLS, headers.said_otherwise),
    Kind("several messages", TOOLS, bodies.several),
    Kind("a key twice", TOOLS, bodies.doubled),
    Kind("JSON read loosely", TOOLS, bodies.loose),
    Kind("the tool's name written otherwise", TOOLS, bodies.tool_names),
    Kind("the method written otherwise", TOOLS, bodies.methods),
    Kind("another content type", TOOLS, bodies.content_types),
    Kind("a compressed body", TOOLS, bodies.codings),
    Kind("another charset", TOOLS, bodies.charsets),
    Kind("a body too long or too deep", TOOLS, bodies.sizes),
    Kind("both lengths", "the gateway refuses a length beside chunks", framing.both_lengths),
    Kind("broken framing", CODEC, framing.framing),
    Kind("broken HTTP/2", CODEC, framing.http2),
)
