"""An address of the company's own network, such as a database's that has no name."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated

from chatgpt_mesh.mesh.specs.scalar import text_that

PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""RFC 1918, and RFC 6598, which GKE allows beside it. Loopback is the pod itself, and link-local is where a node's
metadata server hands out its credentials (169.254.169.254): neither is a way out."""


def _refusal(text: str) -> str | None:
    if "/" in text:
        return (
            "must be one address, such as 10.1.2.3: behind a network the gateway could not tell which of its addresses "
            "is meant, and whoever may call one could call them all; list them one by one"
        )
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return "must be an IPv4 address, such as 10.1.2.3"
    if not any(address in network for network in PRIVATE):
        return (
            f"must be of a private network ({', '.join(map(str, PRIVATE))}); an address elsewhere may be another's "
            "tomorrow, so declare the host by its name"
        )
    return None


if TYPE_CHECKING:
    PrivateAddress = str
else:
    PrivateAddress = Annotated[str, text_that(_refusal)]
