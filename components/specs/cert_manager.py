"""cert-manager, which requests and renews the listeners' certificates: installed by this stack, or there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
from chatgpt_mesh.components.specs.istio import Hub, ImageTag
from chatgpt_mesh.components.specs.path_setting import PathSetting
from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec, resource_problems
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, ObjectName, OwnNamespace
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from chatgpt_mesh.mesh.specs.certificate_issuers import CertificateIssuerSpec, CloudDnsSpec

RELEASE = "v1.21.2"
REACHED = (80, 443, 6443)
"""Ports of others that its network policies let it reach, beside DNS."""

CHARTS = "https://charts.jetstack.io"

if TYPE_CHECKING:
    CertManagerVersion = str
    GoogleServiceAccount = str
else:
    CertManagerVersion = text_like(
        r"v1\.(1[89]|[2-9][0-9])\.[0-9]{1,3}",
        f"must be a version of cert-manager from v1.18.0 on, such as {RELEASE}",
        longest=9,
        examples=[RELEASE],
    )
    GoogleServiceAccount = text_like(
        r"[a-z]([-a-z0-9]{4,28}[a-z0-9])@[a-z][-a-z0-9]{4,28}[a-z0-9]\.iam\.gserviceaccount\.com",
        "must be a service account of Google Cloud: NAME@PROJECT.iam.gserviceaccount.com",
        longest=120,
        examples=["cert-manager@acme-dns.iam.gserviceaccount.com"],
    )


class CertManagerImagesSpec(Spec):
    """Where its images are pulled from."""

    hub: Hub | None = None
    """Registry and path of its images; by default the chart's own, quay.io/jetstack."""
    tag: ImageTag | None = None
    """Their tag; by default the chart's own, which is its version."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None


class CertManagerResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of each of its pods."""

    cpu: Cpu = "50m"
    """Requested CPU."""
    memory: Memory = "128Mi"
    """Requested memory."""
    memory_limit: Memory | None = "512Mi"
    """Limit of memory. It keeps Secrets in memory, so a cluster with thousands of them needs more."""


class CertManagerSpec(Spec):
    """cert-manager: https://cert-manager.io/docs/installation/helm/"""

    install: bool = True
    """Whether this stack installs and upgrades it. false: it is there already, and this stack only asks it."""
    version: CertManagerVersion = RELEASE
    """Version of its chart and images."""
    repository: HttpsUrl = CHARTS
    """Helm repository of the chart."""
    chart: PathSetting | None = None
    """A directory with the chart, in place of the repository; `$NAME` and `~` are put in."""
    namespace: Annotated[DnsLabel, OwnNamespace] = "cert-manager"
    """Its namespace, which is also where issuers have their Secrets."""
    service_account: ObjectName = "cert-manager"
    """Its service account in Kubernetes, by which Google Cloud knows it."""
    google_service_account: GoogleServiceAccount | None = None
    """The account of Google Cloud as which it writes DNS records, for zones whose owners grant nothing to identities of
    other projects' clusters. Default: none between; the roles are its Kubernetes service account's own."""
    images: CertManagerImagesSpec = CertManagerImagesSpec()
    """Where its images are pulled from."""
    replicas: Annotated[int, Field(ge=1, le=3)] = 2
    """Pods of each part. One of the controllers works and the others wait; all webhooks answer, and without one no
    Certificate can be changed. Two and more get a disruption budget."""
    resources: CertManagerResourcesSpec = CertManagerResourcesSpec()
    """Requests and limits of each pod."""
    network_policies: bool = True
    """Kubernetes NetworkPolicies that let only its own ports be reached, and it only DNS and the ports 80, 443 and
    6443 of others."""


_OF_THE_INSTALLATION = ("version", "repository", "chart", "images", "replicas", "resources", "network_policies")


def problems(read: Mapping[str, Any], unread: Set[str]) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name, `unread` the paths of those that did not."""
    spec: CertManagerSpec | None = read.get("cert_manager")
    issuers: Mapping[str, CertificateIssuerSpec] = read.get("certificate_issuers", {})
    if spec is None:
        if "cert_manager" not in unread:
            for path in _asking(read):
                yield Problem(
                    path,
                    "needs cert-manager on the cluster; declare cert_manager: {}, and this stack installs it, or "
                    "cert_manager: {install: false} where it is there already",
                )
        return
    yield from resource_problems("cert_manager.resources", spec.resources)
    if not spec.install:
        for field in _OF_THE_INSTALLATION:
            if field in spec.model_fields_set:
                yield Problem(
                    f"cert_manager.{field}",
                    "means nothing with cert_manager.install false: whoever installs it decides; remove it, or write "
                    "null over what a parent says",
                )
    if spec.install and spec.network_policies:
        yield from _unreachable(issuers)
    if isinstance(read.get("cluster"), GkeClusterSpec):
        for name in cloud_dns_zones(issuers):
            if read.get("project_number") is None and "project_number" not in unread:
                yield Problem(
                    f"certificate_issuers.{name}.acme.dns01.cloud_dns",
                    "needs project_number, by which Google names the identity of cert-manager: "
                    "gcloud projects describe PROJECT --format='value(projectNumber)'",
                )


def _unreachable(issuers: Mapping[str, CertificateIssuerSpec]) -> Iterator[Problem]:
    for name, issuer in issuers.items():
        port = urlsplit(issuer.acme.server).port if issuer.acme is not None else None
        if port not in (None, *REACHED):
            yield Problem(
                f"certificate_issuers.{name}.acme.server",
                f"is at a port that cert-manager's network policies keep it from ({port}; it reaches "
                f"{', '.join(map(str, REACHED))}); serve the CA there, or set cert_manager.network_policies to false",
                issuer.acme and issuer.acme.server,
            )


def cloud_dns_zones(issuers: Mapping[str, CertificateIssuerSpec]) -> dict[str, CloudDnsSpec]:
    """Where records are written, by issuer."""
    return {
        name: issuer.acme.dns01.cloud_dns
        for name, issuer in issuers.items()
        if issuer.acme is not None and issuer.acme.dns01 is not None
    }


def _asking(read: Mapping[str, Any]) -> Iterator[str]:
    """Paths of what only cert-manager can do."""
    yield from (f"certificate_issuers.{name}" for name in read.get("certificate_issuers", {}))
    for name, gateway in read.get("gateways", {}).items():
        for listener, spec in gateway.listeners.items():
            if spec.tls is not None and spec.tls.cert_manager is not None:
                yield f"gateways.{name}.listeners.{listener}.tls.cert_manager"
