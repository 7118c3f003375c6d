"""The ClusterIssuer of each declared issuer.

https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.ClusterIssuer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.objects.owned import ClusterMeta, Manifest, Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.certificate_issuers import AcmeSpec, CertificateIssuerSpec

NOBODY = "cert-manager-challenges"
"""The class of the Ingress that cert-manager writes for each page: no controller has it, and none shall. The page is
reached by the gateway's own route (`mesh.objects.acme_challenges`)."""


def objects(graph: Graph) -> Iterator[Owned]:
    for issuer in graph.certificate_issuers.values():
        if not issuer.existing:
            yield Owned(_cluster_issuer(issuer), issuer.declared_at)


def _cluster_issuer(issuer: CertificateIssuerSpec) -> Manifest:
    spec: dict[str, Any] = {}
    if issuer.ca is not None:
        spec["ca"] = {"secretName": issuer.ca.secret}
    if issuer.acme is not None:
        spec["acme"] = _acme(issuer.acme, issuer.account_secret)
    return Manifest(
        api_version="cert-manager.io/v1",
        kind="ClusterIssuer",
        metadata=ClusterMeta(issuer.name),
        body={"spec": spec},
    )


def _acme(acme: AcmeSpec, account_secret: str) -> dict[str, Any]:
    found: dict[str, Any] = {"server": acme.server, "privateKeySecretRef": {"name": account_secret}}
    if acme.email is not None:
        found["email"] = acme.email
    if acme.profile is not None:
        found["profile"] = acme.profile
    if acme.external_account is not None:
        found["externalAccountBinding"] = {
            "keyID": acme.external_account.key_id,
            "keySecretRef": {"name": acme.external_account.secret, "key": "secret"},
        }
    found["solvers"] = [_dns01(acme) if acme.dns01 is not None else _http01()]
    return found


def _dns01(acme: AcmeSpec) -> dict[str, Any]:
    assert acme.dns01 is not None  # noqa: S101
    zone = acme.dns01.cloud_dns
    cloud_dns = {"project": zone.project, **({"hostedZoneName": zone.zone} if zone.zone else {})}
    return {"dns01": {"cloudDNS": cloud_dns}}


def _http01() -> dict[str, Any]:
    # Beside a gateway pods are injected, and a pod that lives for seconds has no use for a sidecar.
    template = {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}
    return {"http01": {"ingress": {"ingressClassName": NOBODY, "serviceType": "ClusterIP", "podTemplate": template}}}
