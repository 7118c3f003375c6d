"""The first requests of clients outside to a deployed stack: the official MCP client for each MCP app, and one request
to each other app that has a host."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.objects.auth.protected_resource import resource_uri
from lab.failure import LabError
from lab.state import CHECKOUT
from lab.workloads import tokens
from lab.workloads.client import Era
from lab.workloads.request import Request, send

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.mcp import McpSpec
    from chatgpt_mesh.stack.settings import Settings
    from lab.workloads.tokens import Keys

_ERAS = {"legacy": Era.LEGACY, "modern": Era.MODERN}


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends them."""

    keys: Keys
    ca_file: Path
    address_of: Callable[[str], str]
    """Gateway -> the address at which this machine reaches it."""


def show(stack: Settings, client: Client) -> None:
    """Send them, with what came of each on the screen.

    Raises:
        LabError: an MCP client did not get through, or another app answered with a fault of the way to it (5xx).
    """
    for app in (app for app in stack.apps.values() if app.served):
        if app.mcp is None:
            _ask(app, client)
        else:
            _speak_mcp(app, app.mcp, client)


def accepted_token(app: AppSpec, keys: Keys) -> str | None:
    """A token that an app's declaration lets in, with every scope that it or one of its tools asks for."""
    if app.auth is None:
        return None
    auth, issuer = app.auth, app.auth.issuers[0]
    audience = issuer.audiences[0] if issuer.audiences else resource_uri(app, app.served[0].host)
    bound = {} if issuer.audience_claim == "aud" else {"aud": None, issuer.audience_claim: audience}
    needed = auth.rule(issuer)
    scopes = list(dict.fromkeys([*needed.scopes, *(rule.scope for rule in auth.tools.values())]))
    granted = {needed.scope_claims[0]: " ".join(scopes)} if scopes else {}
    claims = {name: values[0] for name, values in needed.claims}
    further: dict[str, Any] = {**bound, **granted, **claims}
    return tokens.mint(keys, issuer=issuer.issuer, audience=audience, **further)


def _speak_mcp(app: AppSpec, mcp: McpSpec, client: Client) -> None:
    host, address = _exposed(app, client)
    url = f"https://{host}{mcp.path}"
    print(f"\nThe official MCP client through the gateway ({url} at {address}):\n", flush=True)
    command = [sys.executable, "-m", "lab.workloads.client", "--url", url, "--address", address]
    token = accepted_token(app, client.keys)
    command += ["--ca", str(client.ca_file), *(() if token is None else ("--token-file", "-"))]
    if mcp.era != "both":
        command += ["--era", _ERAS[mcp.era]]
    done = subprocess.run(command, cwd=CHECKOUT, input=token or "", text=True, check=False)
    if done.returncode != 0:
        raise LabError(
            "The MCP client did not get through; its own words are above. `python -m mesh verify` asks istiod "
            "whether a proxy refused an update, `python -m lab logs istio-ingressgateway` shows the gateway's "
            "access log."
        )


def _ask(app: AppSpec, client: Client) -> None:
    host, address = _exposed(app, client)
    path = next((route.path for route in app.routes if "GET" in route.methods), "/")
    token = accepted_token(app, client.keys)
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    url = f"https://{host}{path}"
    reply = send(Request(url=url, address=address, ca_file=str(client.ca_file), headers=headers))
    print(f"\nGET {url} at {address}, {'with' if token else 'without'} a token: {reply.status}", flush=True)
    if reply.status == 0 or reply.status >= 500:
        raise LabError(
            f"GET {url} was answered {reply.status or reply.error}; `python -m lab logs istio-ingressgateway` shows "
            "the gateway's access log, `python -m lab status` whether the app's pod is ready."
        )


def _exposed(app: AppSpec, client: Client) -> tuple[str, str]:
    exposure = app.served[0]
    return exposure.host, str(ipaddress.ip_address(client.address_of(exposure.gateway)))
