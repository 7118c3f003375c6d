"""The authorization server, used by the SDK's own OAuth client."""

from __future__ import annotations

import asyncio

import httpx2
import jwt
import pytest
from mcp.server.auth.provider import AuthorizationParams, TokenError
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.workloads.issuer import SCOPES, ConsentingProvider, build_app
from lab.workloads.oauth_client import REDIRECT_URI, BrowserlessLogin, Storage, oauth_client
from lab.workloads.tokens import Keys
from tests.unit.workloads.conftest import served


def test_a_client_gets_a_token_from_the_challenge_alone(keys: Keys) -> None:
    """401 with `resource_metadata`, RFC 9728 metadata, RFC 8414 metadata, registration, code with PKCE, token."""
    with (
        served(lambda issuer: build_app(ConsentingProvider(keys, issuer=issuer))) as issuer,
        served(lambda resource: _protected(resource, issuer, keys)) as resource,
    ):
        storage = Storage()
        status = asyncio.run(_fetch(f"{resource}/mcp", storage))
        assert storage.tokens is not None
        claims = jwt.decode(storage.tokens.access_token, options={"verify_signature": False})
    assert status == 200
    assert (claims["iss"], claims["aud"], claims["sub"]) == (issuer, f"{resource}/mcp", "user-1")
    assert claims["scope"].split() == list(SCOPES)


def test_no_token_without_a_resource(keys: Keys) -> None:
    """An access token without an audience would be good everywhere (RFC 8707)."""
    provider = ConsentingProvider(keys)
    client = OAuthClientInformationFull(client_id="c", redirect_uris=[AnyUrl(REDIRECT_URI)])
    asked = AuthorizationParams(
        state="s",
        scopes=None,
        code_challenge="x",
        redirect_uri=AnyUrl(REDIRECT_URI),
        redirect_uri_provided_explicitly=True,
        resource=None,
    )

    async def exchange() -> None:
        await provider.authorize(client, asked)
        (code,) = provider.codes.values()
        await provider.exchange_authorization_code(client, code)

    with pytest.raises(TokenError) as refused:
        asyncio.run(exchange())
    assert refused.value.error == "invalid_target"


def _protected(resource: str, issuer: str, keys: Keys) -> Starlette:
    key = jwt.PyJWKSet.from_dict(keys.jwks()).keys[0]

    async def mcp(request: Request) -> Response:
        try:
            token = request.headers["authorization"].removeprefix("Bearer ")
            jwt.decode(token, key, algorithms=["RS256"], audience=f"{resource}/mcp", issuer=issuer)
        except (KeyError, jwt.PyJWTError):
            metadata = f"{resource}/.well-known/oauth-protected-resource/mcp"
            return Response(status_code=401, headers={"www-authenticate": f'Bearer resource_metadata="{metadata}"'})
        return Response("ok")

    async def metadata(_: Request) -> Response:
        return JSONResponse({"resource": f"{resource}/mcp", "authorization_servers": [issuer]})

    return Starlette(routes=[Route("/mcp", mcp), Route("/.well-known/oauth-protected-resource/mcp", metadata)])


async def _fetch(url: str, storage: Storage) -> int:
    async with httpx2.AsyncClient(auth=oauth_client(url, BrowserlessLogin(), storage)) as http:
        return (await http.get(url)).status_code
