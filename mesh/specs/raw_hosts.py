"""Hosts, addresses and ports of objects by hand, which Istio's types take as any text and its webhook refuses."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.istio_api.message import ResourceSpec

_LABEL = r"[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_HOST = re.compile(rf"\*|(\*[-A-Za-z0-9_]*\.)?({_LABEL}\.)*{_LABEL}")
_PORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PROTOCOLS = ("HTTP", "HTTPS", "GRPC", "HTTP2", "MONGO", "TCP", "TLS", "UDP", "REDIS", "MYSQL", "GRPC-WEB", "GRPC_WEB")
"""What Istio reads as a port's protocol, in any case of the letters."""


def problems(path: str, spec: ResourceSpec) -> Iterator[Problem]:
    match spec:
        case VirtualService():
            yield from _hosts(f"{path}.spec.hosts", spec.hosts)
        case DestinationRule():
            yield from _hosts(f"{path}.spec.host", (spec.host or "",), single=True)
        case Gateway():
            for index, server in enumerate(spec.servers):
                # NAMESPACE/HOST, where the part before may be `*` or `.`
                yield from _hosts(
                    f"{path}.spec.servers.{index}.hosts", [host.rpartition("/")[2] for host in server.hosts]
                )
        case ServiceEntry():
            yield from _hosts(f"{path}.spec.hosts", spec.hosts)
            for index, host in enumerate(spec.hosts):
                if host == "*":
                    yield Problem(f"{path}.spec.hosts.{index}", "is every host there is; name one, or a domain", host)
            yield from _entry_problems(f"{path}.spec", spec)
        case _:
            pass


def _entry_problems(path: str, spec: ServiceEntry) -> Iterator[Problem]:
    for index, endpoint in enumerate(spec.endpoints):
        address = endpoint.address or ""
        if address and not (address.startswith("unix://") or _is_address(address) or _NAME.fullmatch(address)):
            yield Problem(
                f"{path}.endpoints.{index}.address", "must be an address, a host name or unix://PATH", address
            )
    for index, port in enumerate(spec.ports):
        if not _PORT_NAME.fullmatch(port.name or ""):
            yield Problem(
                f"{path}.ports.{index}.name", "must be lower-case letters, digits and '-', at most 63", port.name
            )
        if (port.protocol or "TCP").upper() not in PROTOCOLS:
            yield Problem(f"{path}.ports.{index}.protocol", f"must be one of {', '.join(PROTOCOLS)}", port.protocol)


def _hosts(path: str, hosts: Iterable[str], *, single: bool = False) -> Iterator[Problem]:
    for index, host in enumerate(hosts):
        if len(host) > 253 or not (_HOST.fullmatch(host) or _is_address(host)):
            where = path if single else f"{path}.{index}"
            yield Problem(where, "must be a host name, a wildcard such as *.example.com, or an address", host)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
