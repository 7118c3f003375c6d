"""What a mesh needs beside the cluster whose certificates cert-manager requests: a CA, a DNS zone, and its programs.

Pebble answers as Let's Encrypt (acme-v02.api.letsencrypt.org, and acme-staging-v02 for trials), so that a stack's own
issuer is asked. It checks challenges for real, by the zone that a DNS server serves, and by port 80 of the gateways.
"""

from __future__ import annotations

import functools
import http.client
import json
import ssl
from typing import TYPE_CHECKING

from lab.cluster import kubectl
from lab.docker_archive import Image, Layer
from lab.failure import LabError
from lab.images import base_layer, trust_layer
from lab.network import accepts
from lab.own_process import own_process, workload_sources
from lab.processes import Process, Processes
from lab.runtime import Runtime
from lab.workloads.internet import HTTPS_PORT, SITES, claim_addresses

if TYPE_CHECKING:
    from pathlib import Path

    from lab.pki import Authority
    from lab.screen import Screen
    from lab.state import State
    from lab.toolchain import Toolchain

PEBBLE, ZONE, CLOUD_DNS = "pebble", "zone", "cloud-dns"
DOMAIN = "example.com"
NAMESPACE = "cert-manager"
HUB, TAG = "docker.io/chatgpt-mesh-lab", "lab"
PARTS = ("controller", "webhook", "cainjector", "acmesolver")
MANAGEMENT_PORT = 15000
LIFETIMES = {
    # As Let's Encrypt's.
    "acme": 90 * 86400,
    # Long enough to be renewed and to expire while somebody looks on.
    "acme-staging": 90,
}
"""Seconds of a certificate by the site that issues it: Let's Encrypt's own, and the one that it has for trials."""


class Acme:
    """The CA and the zone of one lab."""

    def __init__(self, state: State, toolchain: Toolchain, authority: Authority) -> None:
        self._state = state
        self._toolchain = toolchain
        self._authority = authority
        self._processes = Processes(state)

    def up(self, screen: Screen) -> None:
        """Start what does not run, and import cert-manager's images.

        Raises:
            LabError: a process does not get ready.
        """
        with screen.step("cert-manager's images"):
            runtime = Runtime(self._state)
            present = runtime.image_names()
            wanted = images(self._toolchain, self._authority.certificate)
            imported = [runtime.ensure(image, present) for image in wanted]
            if any(imported):
                # A tag stays the same, so nothing else would tell pods of another program.
                kubectl(self._state.kubeconfig, self._toolchain, "delete", "pods", f"--namespace={NAMESPACE}", "--all")
        with screen.step("ACME CA, DNS zone"):
            claim_addresses([*LIFETIMES, "zone"])
            for process, site, port in (
                (self._cloud_dns(), "cloud-dns", HTTPS_PORT),
                (self._zone(), "zone", 53),
                (self._pebble(), "acme-staging", HTTPS_PORT),
            ):
                self._processes.start(process)
                self._processes.wait_ready(
                    process.name, functools.partial(accepts, SITES[site].address, port), timeout=20
                )

    def roots(self) -> str:
        """The CAs' own certificates, as PEM: they make new ones whenever they start.

        Raises:
            LabError: one does not answer.
        """
        return "".join(self._root(site) for site in LIFETIMES)

    def _root(self, site: str) -> str:
        context = ssl.create_default_context(cafile=str(self._authority.certificate))
        address = SITES[site].address
        connection = http.client.HTTPSConnection(address, MANAGEMENT_PORT, context=context, timeout=10)
        try:
            connection.request("GET", "/roots/0")
            return connection.getresponse().read().decode("ascii")
        except OSError as error:
            raise LabError(f"{PEBBLE} at {address}:{MANAGEMENT_PORT} does not say its root: {error}") from error
        finally:
            connection.close()

    def trusted(self) -> Path:
        """A file with the authorities of every certificate that a client of this lab meets."""
        file = self._state.pki / "trusted.crt"
        file.write_text(self._authority.certificate.read_text(encoding="ascii") + self.roots(), encoding="ascii")
        return file

    def _cloud_dns(self) -> Process:
        return own_process(self._state, CLOUD_DNS, "lab.workloads.cloud_dns", "serve", inputs=workload_sources())

    def _zone(self) -> Process:
        corefile = self._state.config / "zone.corefile"
        corefile.write_text(
            f"{DOMAIN}:53 {{\n    bind {SITES['zone'].address}\n    errors\n"
            f"    file {self._state.zone_file} {{\n        reload 1s\n    }}\n}}\n",
            encoding="utf-8",
        )
        return Process(ZONE, (str(self._toolchain.path("coredns")), "-conf", str(corefile)), inputs=(corefile,))

    def _pebble(self) -> Process:
        sites = {site: SITES[site] for site in LIFETIMES}
        names = [name for site in sites.values() for name in (*site.names, site.address)]
        certificate, key = self._authority.issue("site-acme", names[0], names=names)
        config = self._state.config / "pebble.json"
        settings = {
            "certificate": str(certificate),
            "privateKey": str(key),
            "resolver": f"{SITES['zone'].address}:53",
            "authorities": [
                {
                    "address": f"{site.address}:{HTTPS_PORT}",
                    "managementAddress": f"{site.address}:{MANAGEMENT_PORT}",
                    "lifetime": LIFETIMES[name],
                }
                for name, site in sites.items()
            ],
        }
        config.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        return Process(
            PEBBLE,
            (str(self._toolchain.path("pebble")), str(config)),
            # It would wait up to 15 s before it looks at a challenge.
            environment={"PEBBLE_VA_NOSLEEP": "1"},
            inputs=(config, certificate),
        )


def images(toolchain: Toolchain, edge_authority: Path) -> list[Image]:
    """cert-manager's images, each the one program under another name."""
    layers = [
        base_layer(),
        Layer(files={"/cert-manager": toolchain.path("cert-manager")}),
        trust_layer(edge_authority),
    ]
    # Where Google's libraries look for the metadata server, which has an address of its own here: this machine's own
    # may be a real one.
    environment = {"GCE_METADATA_HOST": SITES["metadata"].address}
    return [
        Image(f"{HUB}/cert-manager-{part}:{TAG}", layers, ("/cert-manager", part), "10002:10002", environment)
        for part in PARTS
    ]
