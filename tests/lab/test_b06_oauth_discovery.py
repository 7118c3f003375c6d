"""B06: a client that knows nothing but the URL finds its way to a token from the 401 alone."""

from __future__ import annotations

import asyncio
from typing import Any

from lab.workloads.client import Era, Exchange, Target, connect
from lab.workloads.internet import SITES
from lab.workloads.oauth_client import BrowserlessLogin, Storage, oauth_client
from tests.lab.running_lab import RunningLab, fails


def metadata_urls(lab: RunningLab) -> tuple[str, str]:
    """Both forms of RFC 9728: the resource's path inserted, and the root."""
    root = f"https://{lab.host}/.well-known/oauth-protected-resource"
    return f"{root}{lab.mcp_url.removeprefix(f'https://{lab.host}')}", root


def check_challenge(lab: RunningLab) -> None:
    for method in ("POST", "GET", "DELETE"):
        reply = lab.public.send(lab.mcp_url, method=method)
        assert reply.status == 401, f"{method}: {reply}"
        challenge = reply.header("www-authenticate")
        assert challenge.startswith("Bearer "), challenge
        assert f'resource_metadata="{metadata_urls(lab)[0]}"' in challenge


def check_metadata(lab: RunningLab) -> None:
    for url in metadata_urls(lab):
        reply = lab.public.send(url)
        assert reply.status == 200, f"{url}: {reply}"
        assert reply.header("content-type") == "application/json"
        metadata = reply.json()
        assert metadata["resource"] == lab.mcp_url
        assert metadata["authorization_servers"] == [issuer.issuer for issuer in lab.auth.issuers]


def check_login(lab: RunningLab) -> None:
    addresses = {lab.host: lab.public.address, "auth.example.com": SITES["issuer"].address}
    login, storage = BrowserlessLogin(addresses, lab.ca_file), Storage()
    exchanges: list[Exchange] = []

    async def run() -> dict[str, Any]:
        auth = oauth_client(lab.mcp_url, login, storage)
        target = Target(url=lab.mcp_url, ca_file=lab.ca_file, addresses=addresses, auth=auth)
        async with connect(target, Era.MODERN, exchanges) as client:
            result = await client.call_tool("whoami", {})
        assert result.structured_content is not None
        return result.structured_content

    try:
        answer = asyncio.run(run())
    except Exception as error:
        raise AssertionError(f"the client failed: {error!r}") from error
    assert login.authorization_url.startswith(f"{lab.auth.issuers[0].issuer}/authorize?")
    assert answer["subject"] == "user-1"


def test_no_token_is_challenged(lab: RunningLab) -> None:
    check_challenge(lab)


def test_the_metadata_needs_no_token(lab: RunningLab) -> None:
    check_metadata(lab)


def test_a_client_logs_in_from_the_challenge_alone(lab: RunningLab) -> None:
    check_login(lab)


def test_it_is_the_challenge_route_that_leads_there(lab: RunningLab) -> None:
    """Without its routes the edge answers as an ALLOW policy would: refused, and no word on where to get a token."""

    def take_out(service: dict[str, Any]) -> None:
        service["spec"]["http"] = [
            route
            for route in service["spec"]["http"]
            if route.get("directResponse", {}).get("status") not in {200, 204, 401}
        ]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out):
        with fails():
            check_challenge(lab)
        with fails():
            check_metadata(lab)
        with fails():
            check_login(lab)
