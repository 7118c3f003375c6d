"""Hosts of an app at gateways: those that serve it, and those that only redirect to the main one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.redirects import RedirectStatus
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Hostname, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


class HostSpec(Spec):
    """A further host of an app, at another gateway."""

    host: Hostname
    """Host name."""
    gateway: DnsLabel
    """Gateway that serves it."""
    redirect: RedirectStatus | None = None
    """Serve nothing here and send every request, path and query kept, to the app's main host: 301 or 308 for good, 302
    or 307 for now. 307 and 308 keep method and body, which a POST to the MCP path needs. None: it serves the app."""


class Exposure(NamedTuple):
    """A host of an app at a gateway, and where the stack file says so."""

    host: str
    gateway: str
    path: str
    redirect: int | None = None
    """Status with which it redirects to the main host; None where it serves the app."""


def problems(
    path: str,
    owner: str,
    exposures: Sequence[Exposure],
    gateways: Declared[GatewaySpec],
    owners: dict[str, str],
    *,
    unprotected: bool,
) -> Iterator[Problem]:
    """Mistakes of the hosts of one app, `owner`. `owners`: the apps of hosts before these, which this adds to;
    `unprotected`: the app has an MCP endpoint without tokens and does not say that this is meant."""
    for exposure in exposures:
        host_path = f"{path}.{exposure.path}"
        gateway_path = host_path.removesuffix("host") + "gateway"
        if owners.setdefault(exposure.host, owner) != owner:
            yield Problem(
                host_path, f"apps.{owners[exposure.host]} owns this host; one host has one owner", exposure.host
            )
        elif sum(other.host == exposure.host for other in exposures) > 1 and exposure.path != "host":
            yield Problem(host_path, "is listed twice", exposure.host)
        gateway = gateways.get(exposure.gateway)
        if gateway is None:
            if not gateways.knows(exposure.gateway):
                yield Problem(
                    gateway_path,
                    f"is not a declared gateway; there are: {listed(gateways)}",
                    exposure.gateway,
                )
        elif gateway.kind == "egress":
            yield Problem(
                gateway_path,
                "is an egress gateway, which nobody enters by; choose a public or internal one",
                exposure.gateway,
            )
        elif gateway.listener_of(exposure.host) is None:
            hosts = listed(
                host
                for listener in gateway.listeners.values()
                if listener.protocol == "HTTPS"
                for host in listener.hosts
            )
            yield Problem(
                host_path,
                f"no HTTPS listener of gateways.{exposure.gateway} serves it; they serve: {hosts}",
                exposure.host,
            )
        elif gateway.kind == "public" and unprotected and exposure.redirect is None:
            yield Problem(
                f"{path}.auth",
                "is missing: the MCP endpoint would be open to the internet. Declare auth with an issuer, "
                "or say open: true if that is meant",
            )
