"""The lab's Google Cloud, as far as cert-manager asks it: tokens of the metadata server, and records of one zone.

`python -m lab.workloads.cloud_dns serve` answers for https://dns.googleapis.com and for a metadata server on the lab's
bridge, and writes what it is told into the zone file that `lab.acme` has a DNS server serve. Only whoever has fetched a
token may write, and a change is `pending` until that server has read it.

https://cloud.google.com/dns/docs/reference/rest/v1 and
https://cloud.google.com/compute/docs/access/authenticate-workloads
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from lab.pki import edge_authority
from lab.state import State
from lab.workloads.internet import HTTPS_PORT, SITES, claim_addresses, server_context

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

ZONE, ZONE_NAME = "example-com", "example.com."
TTL = 5
RELOAD_SECONDS = 1.0
"""How often the DNS server looks at the zone file."""

Record = tuple[str, str]
"""Name and type."""


@dataclass
class Zone:
    """The records of the zone, kept in a file in the format of RFC 1035."""

    file: Path
    name_server: str
    """Its address."""
    records: dict[Record, dict[str, Any]] = field(default_factory=dict[Record, "dict[str, Any]"])
    changed: dict[str, float] = field(default_factory=dict[str, float])
    """When each change was made, by its id."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self) -> None:
        serial = time.time_ns() // 1_000_000 % 2**32
        lines = [
            f"$ORIGIN {ZONE_NAME}",
            # Negative answers are kept for a second: cert-manager asks before it writes.
            f"@ {TTL} IN SOA ns.{ZONE_NAME} hostmaster.{ZONE_NAME} {serial} 7200 900 1209600 1",
            f"@ {TTL} IN NS ns.{ZONE_NAME}",
            f"ns {TTL} IN A {self.name_server}",
        ]
        lines += [
            f"{name} {TTL} IN {kind} {_quoted(kind, value)}"
            for (name, kind), record in sorted(self.records.items())
            for value in record["rrdatas"]
        ]
        temporary = self.file.with_name(f".{self.file.name}")
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
        temporary.replace(self.file)

    def change(self, asked: dict[str, Any]) -> str | None:
        """The id of the change, or None where a record to be deleted is not what it is said to be."""
        with self.lock:
            for record in asked.get("deletions", ()):
                there = self.records.get((record["name"], record["type"]))
                if there is None or sorted(there["rrdatas"]) != sorted(record["rrdatas"]):
                    return None
            for record in asked.get("deletions", ()):
                del self.records[record["name"], record["type"]]
            for record in asked.get("additions", ()):
                self.records[record["name"], record["type"]] = record
            self.write()
            made = str(len(self.changed))
            self.changed[made] = time.monotonic()
            return made

    def status(self, change: str) -> str:
        return "pending" if time.monotonic() - self.changed[change] < 2 * RELOAD_SECONDS else "done"


def _quoted(kind: str, value: str) -> str:
    return value if kind != "TXT" or value.startswith('"') else f'"{value}"'


TOKENS: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: Any, **headers: str) -> None:
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


class MetadataServer(_Handler):
    """Gives out tokens of the service account that the asking pod stands for."""

    def do_GET(self) -> None:
        flavor = {"Metadata-Flavor": "Google"}
        path = urlsplit(self.path).path
        if path == "/":
            self.answer(200, "computeMetadata/\n", **flavor)
        elif self.headers.get("Metadata-Flavor") != "Google":
            self.answer(403, "Missing Metadata-Flavor:Google header.", **flavor)
        elif path.endswith("/service-accounts/default/token"):
            token = secrets.token_urlsafe()
            TOKENS.add(token)
            self.answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}, **flavor)
        else:
            self.answer(404, "Not Found", **flavor)


class CloudDns(_Handler):
    """The API, for one zone of any project."""

    zone: Zone

    def do_GET(self) -> None:
        self._answered("GET")

    def do_POST(self) -> None:
        self._answered("POST")

    def _answered(self, method: str) -> None:
        text = self.rfile.read(int(self.headers.get("content-length", "0")))
        body: dict[str, Any] = json.loads(text) if text else {}
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in TOKENS:
            self.answer(401, {"error": {"code": 401, "message": "Invalid Credentials"}})
            return
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        _, _, below = url.path.partition("/managedZones")
        status, answer = self._of_project(method, [part for part in below.split("/") if part], asked, body)
        print(f"{self.client_address[0]} {method} {url.path} {status}", flush=True)
        self.answer(status, answer)

    def _of_project(
        self, method: str, path: list[str], asked: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        match method, path:
            case "GET", []:
                found = {"name": ZONE, "dnsName": ZONE_NAME, "visibility": "public"}
                return 200, {"managedZones": [found] if asked.get("dnsName") in (None, ZONE_NAME) else []}
            case "GET", [name, "rrsets"] if name == ZONE:
                wanted = (asked.get("name", ""), asked.get("type", ""))
                there = self.zone.records.get(wanted)
                return 200, {"rrsets": [there] if there else []}
            case "POST", [name, "changes"] if name == ZONE:
                made = self.zone.change(body)
                if made is None:
                    return 412, {"error": {"code": 412, "message": "Precondition not met for a deletion"}}
                return 200, {"id": made, "status": "pending"}
            case "GET", [name, "changes", change] if name == ZONE and change in self.zone.changed:
                return 200, {"id": change, "status": self.zone.status(change)}
            case _:
                return 404, {"error": {"code": 404, "message": f"Not Found: {'/'.join(path)}"}}


def serve(state: State) -> None:
    sites = ("cloud-dns", "metadata")
    claim_addresses(sites)
    zone = Zone(state.zone_file, SITES["zone"].address)
    zone.write()
    CloudDns.zone = zone
    dns = ThreadingHTTPServer((SITES["cloud-dns"].address, HTTPS_PORT), CloudDns)
    context: ssl.SSLContext = server_context(edge_authority(state.pki), "cloud-dns")
    dns.socket = context.wrap_socket(dns.socket, server_side=True, do_handshake_on_connect=False)
    metadata = ThreadingHTTPServer((SITES["metadata"].address, 80), MetadataServer)
    servers = [threading.Thread(target=one.serve_forever, daemon=True) for one in (dns, metadata)]
    for server in servers:
        server.start()
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.workloads.cloud_dns", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="claim the addresses and answer until SIGTERM")
    parser.parse_args()
    # Before any thread is there: each of them would take the signal otherwise.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    serve(State.from_environment())


if __name__ == "__main__":
    main()
