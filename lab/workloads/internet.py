"""The lab's internet: hosts outside the mesh that answer over TLS, each at an address of its own.

`python -m lab.workloads.internet serve` answers every request with what arrived: the name that was asked for, by which
address it came. The addresses are of TEST-NET-2 (RFC 5737) and are added to the lab's bridge, with which they go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import ssl
import subprocess
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from lab.pki import Authority, edge_authority
from lab.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BRIDGE = "labbr0"
HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Site:
    """Names that resolve to one address; a name may start with `*.`."""

    address: str
    names: tuple[str, ...]


SITES: Mapping[str, Site] = MappingProxyType(
    {
        "issuer": Site("198.51.100.5", ("auth.example.com",)),
        "openai": Site("198.51.100.10", ("api.openai.com",)),
        "googleapis": Site("198.51.100.20", ("*.googleapis.com",)),
        # Of certificates alone; their names lead nowhere in a lab whose mesh requests none (`lab.acme`).
        "cloud-dns": Site("198.51.100.21", ("dns.googleapis.com",)),
        "metadata": Site("198.51.100.22", ("metadata.google.internal",)),
        "acme": Site("198.51.100.40", ("acme-v02.api.letsencrypt.org",)),
        "acme-staging": Site("198.51.100.41", ("acme-staging-v02.api.letsencrypt.org",)),
        "zone": Site("198.51.100.53", ()),
        "unlisted": Site("198.51.100.30", ("exfiltration.example.net", "storage.googleapis.com.example.net")),
    }
)
SERVED_HERE = ("openai", "googleapis", "unlisted")


def corefile(forwarded: Mapping[str, str] = MappingProxyType({})) -> str:
    """CoreDNS plugin lines (`hosts`, `template`, `forward`) that let these names resolve in the cluster.

    Args:
        forwarded: Address of the DNS server that is asked for everything else of a domain.
    """
    exact = [(site.address, name) for site in SITES.values() for name in site.names if not name.startswith("*.")]
    wildcards = [(site.address, name[2:]) for site in SITES.values() for name in site.names if name.startswith("*.")]
    lines = ["hosts {", *(f"    {address} {name}" for address, name in exact), "    ttl 5", "    fallthrough", "}"]
    # CoreDNS looks at templates before hosts, and at the first that fits: what has an address of its own comes first.
    for address, name in exact:
        if any(name.endswith(f".{zone}") for _, zone in wildcards):
            lines += [f"template IN A {name} {{", f'    answer "{{{{ .Name }}}} 5 IN A {address}"', "}"]
    for address, zone in wildcards:
        lines += [
            f"template IN A {zone} {{",
            f'    answer "{{{{ .Name }}}} 5 IN A {address}"',
            "    fallthrough",
            "}",
            f"template IN AAAA {zone} {{",
            "    rcode NOERROR",
            "}",
        ]
    lines += [f"forward {domain} {address}" for domain, address in forwarded.items()]
    return "\n".join(lines) + "\n"


def claim_addresses(sites: Sequence[str]) -> None:
    """Add the sites' addresses to the lab's bridge; nothing changes if they are there."""
    ip = shutil.which("ip") or "/sbin/ip"
    for site in sites:
        subprocess.run([ip, "address", "replace", f"{SITES[site].address}/32", "dev", BRIDGE], check=True)


def server_context(authority: Authority, site: str) -> ssl.SSLContext:
    names = SITES[site].names
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(f"site-{site}", names[0], names=names))
    return context


async def serve_site(site: Site, context: ssl.SSLContext, port: int = HTTPS_PORT) -> asyncio.Server:
    """Answer every HTTP/1.1 request at the site's address with a JSON object that says what arrived."""
    asked_names: dict[int, str] = {}

    def remember(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        asked_names[id(connection)] = name or ""

    context.sni_callback = remember

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            sni = asked_names.pop(id(writer.get_extra_info("ssl_object")), "")
            peer = writer.get_extra_info("peername")[0]
            while request_line := (await reader.readline()).decode("latin-1").strip():
                method, path, *_ = request_line.split(" ")
                headers: dict[str, str] = {}
                while line := (await reader.readline()).decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    headers[name.strip().lower()] = value.strip()
                await reader.readexactly(int(headers.get("content-length", "0")))
                arrived = {
                    "site": site.names[0],
                    "sni": sni,
                    "host": headers.get("host", ""),
                    "method": method,
                    "path": path,
                    "peer": peer,
                }
                print(json.dumps(arrived), flush=True)
                body = json.dumps(arrived).encode()
                head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # the client has gone or speaks no HTTP; there is nobody to answer
        finally:
            writer.close()

    return await asyncio.start_server(answer, site.address, port, ssl=context)


async def serve(authority: Authority) -> None:
    claim_addresses(SERVED_HERE)
    servers = [await serve_site(SITES[site], server_context(authority, site)) for site in SERVED_HERE]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    print("ready", flush=True)
    await stop.wait()
    for server in servers:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.workloads.internet", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="claim the addresses and answer until SIGTERM")
    commands.add_parser("corefile", help="print the CoreDNS lines that make the names resolve")
    if parser.parse_args().command == "corefile":
        print(corefile(), end="")
    else:
        asyncio.run(serve(edge_authority(State.from_environment().pki)))


if __name__ == "__main__":
    main()
