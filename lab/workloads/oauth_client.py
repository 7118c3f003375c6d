"""The MCP SDK's OAuth client without a browser: it follows the authorization redirect itself.

All else is the SDK's: discovery from the 401 challenge, RFC 9728 and RFC 8414 metadata, dynamic registration, PKCE.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from lab.workloads.client import Addressed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REDIRECT_URI = "http://127.0.0.1:8765/callback"
"""Nothing listens there: the code is read from the redirect's Location."""


@dataclass(slots=True)
class Storage:
    """What the client remembers, for as long as it lives."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass(slots=True)
class BrowserlessLogin:
    """Opens the authorization URL as a browser would and keeps the code that comes back."""

    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    ca_file: Path | None = None
    authorization_url: str = ""
    _answer: AuthorizationCodeResult | None = None

    async def open(self, url: str) -> None:
        self.authorization_url = url
        verify = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        async with httpx2.AsyncClient(transport=Addressed(self.addresses, verify)) as browser:
            response = await browser.get(url)
        query = parse_qs(urlsplit(response.headers.get("location", "")).query)
        if "code" not in query:
            raise RuntimeError(f"{urlsplit(url).netloc} gave no code but {response.status_code}: {response.text[:200]}")
        self._answer = AuthorizationCodeResult(code=query["code"][0], state=query.get("state", [None])[0])

    async def callback(self) -> AuthorizationCodeResult:
        if self._answer is None:
            raise RuntimeError("the authorization URL has not been opened")
        return self._answer


def oauth_client(server_url: str, login: BrowserlessLogin, storage: Storage) -> OAuthClientProvider:
    """Authentication for an HTTP client that knows nothing but the MCP server's URL."""
    metadata = OAuthClientMetadata(
        client_name="lab client",
        redirect_uris=[AnyUrl(REDIRECT_URI)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
    )
    return OAuthClientProvider(server_url, metadata, storage, login.open, login.callback)
