"""The lab's authorization server: RFC 8414 metadata, dynamic registration, code with PKCE, JWT access tokens.

`python -m lab.workloads.issuer serve` runs it at https://auth.example.com on the lab's bridge. It is the MCP SDK's
authorization server over a provider that consents at once, as one user, and signs with the keys of `tokens`.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import ClientRegistrationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.pki import Authority, edge_authority
from lab.state import State
from lab.workloads.internet import HTTPS_PORT, SITES, claim_addresses
from lab.workloads.tokens import ISSUER, LIFETIME_SECONDS, SUBJECT, Keys, ensure_keys, mint

if TYPE_CHECKING:
    from starlette.requests import Request

SCOPES = ("chatgpt.tools.read", "chatgpt.tools.execute")
_CODE_SECONDS = 60
# Clients compare the metadata's issuer as a string (RFC 8414 section 3.3); pydantic would add a slash.
_EXACT_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


@dataclass(slots=True)
class ConsentingProvider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Consents to every request of a registered client as the user `subject`."""

    keys: Keys
    issuer: str = ISSUER
    subject: str = SUBJECT
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict[str, OAuthClientInformationFull])
    codes: dict[str, AuthorizationCode] = field(default_factory=dict[str, AuthorizationCode])
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict[str, RefreshToken])

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32),
            scopes=params.scopes or [],
            expires_at=time.time() + _CODE_SECONDS,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=self.subject,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        code = self.codes.get(authorization_code)
        return code if code and code.client_id == client.client_id else None

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._tokens(client.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        token = self.refresh_tokens.get(refresh_token)
        return token if token and token.client_id == client.client_id else None

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refresh_tokens[refresh_token.token]
        return self._tokens(client.client_id, scopes, refresh_token.resource)

    def _tokens(self, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        if resource is None:
            # An access token without an audience would be good everywhere (RFC 8707).
            raise TokenError("invalid_target", "name the resource the token is for")
        refresh = RefreshToken(
            token=secrets.token_urlsafe(32), client_id=client_id, scopes=scopes, resource=resource, subject=self.subject
        )
        self.refresh_tokens[refresh.token] = refresh
        return OAuthToken(
            access_token=mint(
                self.keys,
                issuer=self.issuer,
                audience=resource,
                subject=self.subject,
                scopes=scopes,
                client_id=client_id,
            ),
            expires_in=LIFETIME_SECONDS,
            scope=" ".join(scopes) or None,
            refresh_token=refresh.token,
        )

    async def load_access_token(self, token: str) -> AccessToken | None:
        raise NotImplementedError("access tokens are JWTs, verified by whoever gets them")

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.refresh_tokens.pop(token.token, None)


def build_app(provider: ConsentingProvider) -> Starlette:
    async def jwks(_: Request) -> Response:
        return JSONResponse(provider.keys.jwks())

    registration = ClientRegistrationOptions(enabled=True, valid_scopes=list(SCOPES), default_scopes=[SCOPES[0]])
    issuer = _EXACT_URL.validate_python(provider.issuer)
    routes = create_auth_routes(provider, issuer, client_registration_options=registration)
    return Starlette(routes=[*routes, Route("/.well-known/jwks.json", jwks)])


async def serve(keys: Keys, authority: Authority) -> None:
    site = SITES["issuer"]
    claim_addresses(["issuer"])
    certificate, key = authority.issue("site-issuer", site.names[0], names=site.names)
    config = uvicorn.Config(
        build_app(ConsentingProvider(keys)),
        host=site.address,
        port=HTTPS_PORT,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        log_level="info",
    )
    await uvicorn.Server(config).serve()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.workloads.issuer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("keys", help="make the keys and jwks.json if there are none, and end")
    commands.add_parser("serve", help="claim the address and answer until SIGTERM")
    command = parser.parse_args().command
    state = State.from_environment()
    keys = ensure_keys(state.issuer)
    if command == "serve":
        asyncio.run(serve(keys, edge_authority(state.pki)))


if __name__ == "__main__":
    main()
