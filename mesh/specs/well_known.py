"""Pages that directories, crawlers and clients ask of a host by a name that is agreed on: RFC 8615."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chatgpt_mesh.mesh.specs.dates import NOTICE, too_far
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import Date, HttpsUrl, Many, Spec, authority_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from chatgpt_mesh.mesh.specs.routes import RouteSpec

OPENAI_APPS_CHALLENGE = "/.well-known/openai-apps-challenge"
ROBOTS = "/robots.txt"
SECURITY = ("/.well-known/security.txt", "/security.txt")
"""RFC 9116, section 3: the well-known path, and the older one."""
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
OPENID_CONFIGURATION = "/.well-known/openid-configuration"


def _contact_refusal(uri: str) -> str | None:
    return authority_refusal(uri) if uri.startswith("https://") else None


if TYPE_CHECKING:
    ChallengeToken = str
    Contact = str
else:
    ChallengeToken = text_like(
        r"[!-~]+",
        "must be the token as it is shown: printable ASCII without blanks, at most 1000 characters",
        longest=1000,
        examples=["abc_DEF-123"],
    )
    Contact = text_like(
        r"(https://|mailto:|tel:)[!-~]+",
        "must be a URI that people reach you by: https://, mailto: or tel: (RFC 9116, section 2.5.3)",
        longest=500,
        examples=["mailto:security@example.com"],
        further=_contact_refusal,
    )


class SecurityTextSpec(Spec):
    """Where to report a vulnerability: RFC 9116."""

    contact: Many[Contact]
    """Addresses to report to, the preferred one first."""
    expires: Date
    """Last day on which anybody should rely on the page; it has to have one, since a report to an address that nobody
    reads is lost. Within two years; a warning comes 14 days before."""
    policy: HttpsUrl | None = None
    """Page that says how reports are dealt with."""


class WellKnownSpec(Spec):
    """Pages that the gateway answers itself, to everybody, at each host of the app. Others: `routes.respond`."""

    openai_apps_challenge: ChallengeToken | None = None
    """Token that OpenAI asks for at /.well-known/openai-apps-challenge when an app is submitted, as text/plain. It is
    no secret: it shows that whoever submits the app can write here."""
    authorization_server: bool = False
    """Redirect whoever asks this host for the metadata of its authorization server (oauth-authorization-server and
    openid-configuration, with and without the MCP path) to that of the first issuer. Clients of MCP before 2025-06-18
    know no other way to find it."""
    robots: Literal["disallow", "allow"] | None = None
    """What /robots.txt tells crawlers about the whole host. Default: no such page."""
    security: SecurityTextSpec | None = None
    """The page /.well-known/security.txt. Default: none."""


def paths(well_known: WellKnownSpec, mcp_path: str) -> dict[str, tuple[str, ...]]:
    """The paths that each page is asked for at, by its field."""
    found: dict[str, tuple[str, ...]] = {}
    if well_known.openai_apps_challenge is not None:
        found["openai_apps_challenge"] = (OPENAI_APPS_CHALLENGE,)
    if well_known.authorization_server:
        found["authorization_server"] = (*oauth_paths(mcp_path), *openid_paths(mcp_path))
    if well_known.robots is not None:
        found["robots"] = (ROBOTS,)
    if well_known.security is not None:
        found["security"] = SECURITY
    return found


def oauth_paths(mcp_path: str) -> tuple[str, ...]:
    """Where RFC 8414, section 3.1, puts the metadata: with the resource's own path behind it, and without."""
    return tuple(dict.fromkeys([AUTHORIZATION_SERVER + mcp_path.rstrip("/"), AUTHORIZATION_SERVER]))


def openid_paths(mcp_path: str) -> tuple[str, ...]:
    """The same for OpenID Connect, which puts the path in front of it."""
    path = mcp_path.rstrip("/")
    return tuple(dict.fromkeys([OPENID_CONFIGURATION + path, OPENID_CONFIGURATION, path + OPENID_CONFIGURATION]))


def problems(
    path: str,
    well_known: WellKnownSpec,
    routes: Sequence[RouteSpec],
    *,
    mcp_path: str | None,
    exposed: bool,
    authenticated: bool,
    flagger: bool,
    today: date,
) -> Iterator[Problem]:
    """`exposed`: the app is on a gateway. `authenticated`: it asks for tokens. `flagger`: that makes its routes."""
    asked = paths(well_known, mcp_path or "")
    if asked and not exposed:
        yield Problem(path, "is answered by a gateway, and this app is on none; give it host and gateway, or remove it")
    elif asked and flagger:
        yield Problem(
            path,
            "is answered by routes, and flagger makes the only VirtualService of this host; remove it, or let the app "
            "answer these paths",
        )
    if well_known.authorization_server and not authenticated:
        yield Problem(
            f"{path}.authorization_server", "has no issuer to lead to; declare auth with one, or remove it", True
        )
    taken = {route.exact: f"routes.{index}" for index, route in enumerate(routes) if route.exact is not None}
    if mcp_path is not None:
        taken[mcp_path] = "mcp.path"
    for field, pages in asked.items():
        for page in pages:
            if page in taken:
                yield Problem(f"{path}.{field}", f"is answered at {page}, which {taken[page]} has; remove one of them")
    if well_known.security is not None:
        if not well_known.security.contact:
            yield Problem(f"{path}.security.contact", "is empty; list at least one address")
        if refusal := too_far(well_known.security.expires, today):
            yield Problem(f"{path}.security.expires", refusal, well_known.security.expires.isoformat())


def warnings(path: str, well_known: WellKnownSpec, today: date) -> Iterator[Problem]:
    """A page that ends within 14 days, or has ended: it stops no `up`, since nothing fails with it."""
    if well_known.security is None:
        return
    days = (well_known.security.expires - today).days
    if days <= NOTICE.days:
        ends = "has expired" if days < 0 else "expires today" if days == 0 else f"expires in {days} days"
        yield Problem(
            f"{path}.security.expires",
            f"the page {ends}; see that somebody still reads what is sent to its contacts, and move the date",
            well_known.security.expires.isoformat(),
        )
