"""TLS Secrets of the gateways, from the lab's own authority.

Which Secrets a mesh needs is read from its Gateway objects, so that a listener added to a stack gets its certificate
without a word here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.pki import Authority


@dataclass(frozen=True)
class Credential:
    """A Secret that a gateway's listener names.

    Attributes:
        namespace: Where the gateway runs.
        name: ``credentialName`` of the listener.
        hosts: Names that the certificate is for.
    """

    namespace: str
    name: str
    hosts: tuple[str, ...]


def credentials(gateways: Iterable[Mapping[str, Any]]) -> list[Credential]:
    """The Secrets that these Gateway objects (as from the API server) refer to, each once with all its hosts."""
    hosts: dict[tuple[str, str], set[str]] = {}
    for gateway in gateways:
        for server in gateway["spec"].get("servers", ()):
            name = server.get("tls", {}).get("credentialName")
            if name:
                found = hosts.setdefault((gateway["metadata"]["namespace"], name), set())
                found.update(host.rpartition("/")[2] for host in server.get("hosts", ()))
    return [Credential(namespace, name, tuple(sorted(found))) for (namespace, name), found in sorted(hosts.items())]


def secret(credential: Credential, authority: Authority) -> dict[str, Any]:
    """The Secret with a certificate for the credential's hosts.

    ``ca.crt`` is the authority's own: a listener that asks for client certificates verifies them with it.
    """
    file_name = f"gateway-{credential.namespace}-{credential.name}"
    certificate, key = authority.issue(file_name, credential.name, names=credential.hosts)
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.certificate}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"namespace": credential.namespace, "name": credential.name},
        "data": {name: base64.b64encode(path.read_bytes()).decode("ascii") for name, path in files.items()},
    }
