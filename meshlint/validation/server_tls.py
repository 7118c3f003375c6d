"""TLS as a server offers it: at a Gateway, and at a Sidecar's ingress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, problem

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json

_SOURCES = ("serverCertificate", "privateKey", "caCertificates", "tlsCertificates", "credentialName", "credentialNames")
_ENDS_TLS = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")


def _one_source(tls: Json) -> Problems:
    sources = [name for name in ("credentialName", "credentialNames", "tlsCertificates") if tls.get(name)]
    if tls.get("serverCertificate") and tls.get("privateKey"):
        sources.append("serverCertificate")
    found = NONE
    if len(sources) > 1:
        found += problem(f"names certificates by {' and '.join(sources)}", "keep one of them")
    for name in ("credentialNames", "tlsCertificates"):
        if name in tls and not 1 <= len(tls[name]) <= 2:
            found += problem(f"has {len(tls[name])} entries, where one or two are allowed", "name one or two", name)
    if not found:
        for name in ("credentialName", "tlsCertificates"):
            # The API server looks whether the fields are there, and not what they hold.
            if "credentialNames" in tls and name in tls:
                found += problem(f"has credentialNames and {name}", "keep one of them")
    return found


def _files(tls: Json, mode: str) -> Problems:
    """The certificates of a mode that ends TLS, where no Secret brings them."""
    found = NONE
    if mode != "SIMPLE" and not tls.get("caCertificates"):
        found += problem(f"is {mode} without caCertificates", "add credentialName, or the CA's file")
    for certificate in tls.get("tlsCertificates") or [tls]:
        for name in ("serverCertificate", "privateKey"):
            if not certificate.get(name):
                found += problem(f"names no {name}", "add credentialName, or both files")
    if tls.get("caCrl") and mode == "SIMPLE":
        found += problem(
            "has caCrl, and SIMPLE asks no client for a certificate", "remove it, or write MUTUAL", "caCrl"
        )
    return found


def server_tls(tls: Json) -> Problems:
    """ServerTLSSettings."""
    mode = tls.get("mode", "PASSTHROUGH")
    if mode == "ISTIO_MUTUAL":
        found = NONE
        for name in _SOURCES:
            if tls.get(name):
                what = f"has {name}, and ISTIO_MUTUAL takes the certificates of the mesh"
                found += problem(what, "remove it, or write MUTUAL", name)
        return found
    found = _one_source(tls)
    if mode in _ENDS_TLS and (tls.get("credentialName") or tls.get("credentialNames")):
        return found
    if mode in _ENDS_TLS:
        found += _files(tls, mode)
    if tls.get("caCrl") and tls.get("credentialName"):
        found += problem("has caCrl beside credentialName, which brings it", "put it into the Secret", "caCrl")
    return found
