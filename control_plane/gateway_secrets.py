"""Whether the certificate of each listener is there, and good: nothing else says so until a client is refused.

istiod accepts a Gateway that names a Secret which is missing or broken, and Envoy then answers no handshake of that
listener. Read are Gateways, Secrets and, where cert-manager is there, Certificates; a Secret that may not be read is
said to be unread. No key leaves this module.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import serialization

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NOTICE = timedelta(days=7)
"""How long before its end a certificate is told of; of one that lives for days, in the last tenth of its life."""

_NAMES = (("tls.crt", "tls.key"), ("cert", "key"))
"""Of certificate and key in a Secret: kubernetes.io/tls, and Istio's own."""


class Unreadable(Exception):
    """The cluster does not let something be read."""


@dataclass(frozen=True, slots=True)
class Report:
    """Sentences about listeners' certificates."""

    found: tuple[str, ...]
    """Listeners whose Secret does not do."""
    unread: tuple[str, ...]
    """What could not be looked at."""


class SecretsApi(Protocol):
    """The little of a cluster that is read."""

    def gateways(self) -> Sequence[Mapping[str, Any]]:
        """Every Gateway of Istio's own API, as the API server has it. Raises Unreadable."""
        ...

    def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of a Secret, in base64; None where there is none. Raises Unreadable."""
        ...

    def certificates(self, namespace: str) -> Sequence[Mapping[str, Any]]:
        """cert-manager's Certificates of a namespace; none where cert-manager is not there. Raises Unreadable."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """A server of a Gateway, and the Secret that it names."""

    gateway: str
    """NAMESPACE/NAME."""
    name: str
    namespace: str
    secret: str
    hosts: tuple[str, ...]
    mutual: bool

    def __str__(self) -> str:
        return f"Gateway {self.gateway}, server {self.name} ({', '.join(self.hosts)}): the Secret {self.where}"

    @property
    def where(self) -> str:
        return f"{self.namespace}/{self.secret}"


def listeners(gateways: Sequence[Mapping[str, Any]]) -> list[Listener]:
    """Those that end TLS with a Secret."""
    found: list[Listener] = []
    for gateway in gateways:
        metadata = gateway["metadata"]
        for server in gateway.get("spec", {}).get("servers", ()):
            tls = server.get("tls", {})
            credential = tls.get("credentialName")
            if credential and "://" not in credential:
                found.append(
                    Listener(
                        gateway=f"{metadata['namespace']}/{metadata['name']}",
                        name=server["port"].get("name", str(server["port"]["number"])),
                        namespace=metadata["namespace"],
                        secret=credential,
                        hosts=tuple(host.rpartition("/")[2] for host in server.get("hosts", ())),
                        mutual=tls.get("mode") in ("MUTUAL", "OPTIONAL_MUTUAL"),
                    )
                )
    return found


def report(api: SecretsApi, now: datetime | None = None) -> Report:
    """What is wrong with the Secrets of all listeners of the cluster."""
    now = now or datetime.now(tz=UTC)
    found: list[str] = []
    unread: list[str] = []
    try:
        served = listeners(api.gateways())
    except Unreadable as error:
        return Report((), (f"Gateways may not be read, so nothing is said about their certificates ({error}).",))
    for listener in served:
        try:
            found += _of(api, listener, now)
        except Unreadable as error:
            unread.append(f"{listener} may not be read, so nothing is said about its certificate ({error}).")
    return Report(tuple(found), tuple(unread))


def _of(api: SecretsApi, listener: Listener, now: datetime) -> list[str]:
    data = api.secret(listener.namespace, listener.secret)
    if data is None:
        return [f"{listener} is missing, and no client gets through. {_requested(api, listener)}"]
    found = [f"{listener} {mistake}. {_requested(api, listener)}" for mistake in _mistakes(data, listener.hosts, now)]
    if listener.mutual and "ca.crt" not in data and not api.secret(listener.namespace, f"{listener.secret}-cacert"):
        found.append(
            f"{listener} has no ca.crt, and there is no Secret {listener.where}-cacert: every client is refused. "
            "Put the CA of the clients' certificates into one of them."
        )
    return found


def _requested(api: SecretsApi, listener: Listener) -> str:
    """Who ought to fill it, and what that says."""
    try:
        certificates = api.certificates(listener.namespace)
    except Unreadable:
        return "Whether cert-manager requests it may not be read."
    for certificate in certificates:
        if certificate.get("spec", {}).get("secretName") == listener.secret:
            name = f"{listener.namespace}/{certificate['metadata']['name']}"
            conditions = {one["type"]: one for one in certificate.get("status", {}).get("conditions", ())}
            ready = conditions.get("Ready")
            said = conditions.get("Issuing") or ready
            message = (said or {}).get("message") or "nothing yet"
            if ready is not None and ready.get("status") == "True" and said is ready:
                return f"cert-manager's Certificate {name} says that it is ready: {message}"
            return f"cert-manager's Certificate {name} says: {message}"
    return "No Certificate of cert-manager requests it: whoever writes it by hand must."


def _mistakes(data: Mapping[str, str], hosts: Sequence[str], now: datetime) -> Iterator[str]:
    names = next((pair for pair in _NAMES if pair[0] in data), _NAMES[0])
    missing = [name for name in names if not data.get(name)]
    if missing:
        yield f"has no {' and no '.join(missing)}, and no client gets through"
        return
    try:
        chain = x509.load_pem_x509_certificates(base64.b64decode(data[names[0]]))
        key = serialization.load_pem_private_key(base64.b64decode(data[names[1]]), password=None)
    except (ValueError, TypeError):
        # Without the parser's own words, which may quote what it read.
        yield f"holds no certificate and key in PEM under {names[0]} and {names[1]}, and no client gets through"
        return
    leaf = chain[0]
    if _public(key.public_key()) != _public(leaf.public_key()):
        yield f"holds a key ({names[1]}) of another certificate than {names[0]}, and no client gets through"
    yield from _of_time(leaf, now)
    uncovered = [host for host in hosts if not _covers(leaf, host)]
    if uncovered:
        yield f"holds a certificate for {', '.join(_names_of(leaf)) or 'no host'}, and not for {', '.join(uncovered)}"


def _of_time(leaf: x509.Certificate, now: datetime) -> Iterator[str]:
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= end:
        yield f"holds a certificate that expired on {_day(end)}"
    elif now < begin:
        yield f"holds a certificate that is not valid before {_day(begin)}"
    elif end - now < min(NOTICE, (end - begin) / 10):
        yield f"holds a certificate that expires on {_day(end)}, and has not been renewed"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d at %H:%M UTC")


def _public(key: Any) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _names_of(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in names.get_values_for_type(x509.DNSName)]


def _covers(leaf: x509.Certificate, host: str) -> bool:
    """A `*` of a certificate stands for one label (RFC 6125); a Gateway's `*.example.com` is asked for literally."""
    wildcard = f"*.{host.partition('.')[2]}"
    return host == "*" or bool({host.lower(), wildcard} & set(_names_of(leaf)))
