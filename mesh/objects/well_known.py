"""Pages with an agreed name, as routes of a host that answer by themselves, open to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest
from chatgpt_mesh.mesh.objects.answers import answer, method_not_allowed
from chatgpt_mesh.mesh.objects.auth.protected_resource import PUBLIC, open_preflight, resource_path
from chatgpt_mesh.mesh.objects.matches import exact, methods_match
from chatgpt_mesh.mesh.specs.well_known import (
    AUTHORIZATION_SERVER,
    OPENID_CONFIGURATION,
    oauth_paths,
    openid_paths,
    paths,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.istio_api.networking import HTTPRoute
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.well_known import SecurityTextSpec

READ = ("GET", "HEAD")
TEXT = {"content-type": "text/plain; charset=utf-8"}


def routes(app: AppSpec, host: str) -> Iterator[HTTPRoute]:
    well_known = app.well_known
    pages = paths(well_known, resource_path(app))
    if well_known.openai_apps_challenge is not None:
        asked = pages["openai_apps_challenge"]
        yield from _page(app, "openai-apps-challenge", asked, TEXT, well_known.openai_apps_challenge)
    if well_known.authorization_server and app.auth is not None:
        first = app.auth.issuers[0]
        yield from _to_authorization_server(app, first.authorization_server or first.issuer)
    if well_known.robots is not None:
        rule = "Disallow" if well_known.robots == "disallow" else "Allow"
        yield from _page(app, "robots", pages["robots"], TEXT, f"User-agent: *\n{rule}: /\n")
    if well_known.security is not None:
        yield from _page(app, "security", pages["security"], TEXT, security_text(well_known.security, host))


def security_text(security: SecurityTextSpec, host: str) -> str:
    """RFC 9116, section 2: a field a line. The day itself counts, so the page ends with it."""
    fields = [("Contact", contact) for contact in security.contact]
    fields.append(("Expires", f"{security.expires.isoformat()}T23:59:59Z"))
    fields.append(("Canonical", f"https://{host}/.well-known/security.txt"))
    fields += [("Policy", security.policy)] if security.policy is not None else []
    return "".join(f"{name}: {value}\n" for name, value in fields)


def _to_authorization_server(app: AppSpec, issuer: str) -> Iterator[HTTPRoute]:
    """Each form leads to the same form at the issuer, whose own path stands where the standard of the form wants it."""
    parts, path = urlsplit(issuer), resource_path(app)
    origin, tenant = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    for label, asked, location in (
        ("oauth-authorization-server", oauth_paths(path), f"{origin}{AUTHORIZATION_SERVER}{tenant}"),
        ("openid-configuration", openid_paths(path), f"{origin}{tenant}{OPENID_CONFIGURATION}"),
    ):
        # Envoy reads a header's value as a format, in which %% is the character.
        headers = {"location": location.replace("%", "%%"), "cache-control": "max-age=300", **PUBLIC}
        yield from open_preflight(app, f"{_name(app, label)}.preflight", asked)
        yield from _page(app, label, asked, headers, None, status=302)


def _page(
    app: AppSpec, label: str, pages: Sequence[str], headers: Mapping[str, str], body: str | None, status: int = 200
) -> Iterator[HTTPRoute]:
    name = _name(app, label)
    matches = [HTTPMatchRequest(uri=exact(page), method=methods_match(READ)) for page in pages]
    yield answer(name, matches, status, headers, body)
    for page in pages:
        yield method_not_allowed(f"{name}.method", exact(page), READ)


def _name(app: AppSpec, label: str) -> str:
    # With a dot: what `routes` declares is named by its path, in which none is left.
    return f"{app.name}.well-known.{label}"
