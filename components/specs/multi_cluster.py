"""A mesh of several clusters: the names of this one, the authority that signs its identities, and the other one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs import certificate_authority, peer
from chatgpt_mesh.components.specs.certificate_authority import CertificateAuthoritySpec
from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
from chatgpt_mesh.components.specs.peer import PeerSpec
from chatgpt_mesh.mesh.specs import gateway_workload
from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST, failing_over
from chatgpt_mesh.mesh.specs.gateway_workload import WorkloadSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Set
    from datetime import date

    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.mesh.specs.app import AppSpec

PATH = "istio.multi_cluster"


class MultiClusterSpec(Spec):
    """Names by which a cluster is known once its mesh spans several, who signs for it, and which the other one is. The
    names are hard to change later, so they are chosen before the second cluster comes.

    https://istio.io/latest/docs/setup/install/multicluster/before-you-begin/
    """

    mesh: DnsLabel
    """Name of the mesh, the same in all of its clusters."""
    cluster: DnsLabel
    """Name of this cluster, which no other cluster of the mesh has."""
    network: DnsLabel
    """Network of its pods: those of one network reach each other without a gateway."""
    ca: CertificateAuthoritySpec | None = None
    """The authority by which istiod signs identities, below a root that all clusters have. Default: istiod makes a root
    of its own, which no other cluster believes."""
    peer: PeerSpec | None = None
    """The other cluster, in which apps with `cluster_failover` are answered while they have no healthy pod here."""
    gateway: WorkloadSpec = WorkloadSpec()
    """Pods and Service of the gateway by which requests of the other cluster arrive."""
    api_server: HttpsUrl | None = None
    """Where the other cluster's istiod reaches the API server of this one, which the stack does not know by itself with
    cluster.kind existing. Its certificate is of the cluster's own authority."""


def problems(
    read: Mapping[str, Any], unread: Set[str], today: date, *, is_secret: Callable[[str], bool], in_engine: bool
) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name, `unread` the paths of those that did not; `is_secret` whether
    Pulumi keeps a text encrypted, and `in_engine` whether its engine has decrypted it."""
    spec = spec_of(read)
    if spec is not None and spec.ca is not None:
        yield from certificate_authority.problems(f"{PATH}.ca", spec.ca, today)
        encrypted = is_secret(spec.ca.key)
        yield from certificate_authority.readable(f"{PATH}.ca", spec.ca, encrypted=encrypted, in_engine=in_engine)
    apps: Mapping[str, AppSpec] = read.get("apps", {})
    known = "istio" not in unread
    if known and (spec is None or spec.peer is None):
        for app in failing_over(apps):
            yield Problem(
                f"{app.declared_at}.cluster_failover",
                f"needs a cluster to fail over to; name its stack in {PATH}.peer, or remove it",
            )
    if spec is None:
        return
    if spec.peer is None:
        for name in ("gateway", "api_server"):
            if name in spec.model_fields_set:
                yield Problem(f"{PATH}.{name}", "means nothing without peer, the other cluster; remove it")
        return
    yield from _peer_problems(spec, read, apps, complete=not any(path.split(".")[0] == "apps" for path in unread))
    if spec.peer.cluster is not None:
        yield from peer.mismatches(read, spec, spec.peer.cluster)


def _peer_problems(
    spec: MultiClusterSpec, read: Mapping[str, Any], apps: Mapping[str, AppSpec], *, complete: bool
) -> Iterator[Problem]:
    if spec.ca is None:
        yield Problem(
            f"{PATH}.ca",
            "is missing: without it istiod makes a root of its own, and no pod of the other cluster believes a pod of "
            "this one",
        )
    if complete and not failing_over(apps):
        yield Problem(
            f"{PATH}.peer",
            "is for apps that may be answered in the other cluster, and none says so; write cluster_failover: true "
            "where it is meant, or remove peer",
        )
    yield from gateway_workload.problems(f"{PATH}.gateway", spec.gateway, EAST_WEST.service_type)
    cluster = read.get("cluster")
    if isinstance(cluster, GkeClusterSpec):
        dns = cluster.access.by_dns
        if dns is None or not (dns.external and dns.service_account_tokens):
            yield Problem(
                "cluster.access",
                "must let the other cluster's istiod in, which has a token of a service account here and no address of "
                "this network: write access: {dns: {service_account_tokens: true}}",
            )
        if spec.api_server is not None:
            yield Problem(f"{PATH}.api_server", "is known of a cluster that this stack makes; remove it")
    elif cluster is not None and spec.api_server is None:
        yield Problem(
            f"{PATH}.api_server",
            "is missing: the other cluster's istiod reads Services and pods here; write the URL by which it reaches "
            "this cluster's API server, such as https://10.0.0.2:6443",
        )


def warnings(read: Mapping[str, Any], today: date) -> Iterator[Problem]:
    """What is right today and will not be soon, and what the other cluster does not have yet."""
    spec = spec_of(read)
    if spec is None:
        return
    if spec.ca is not None:
        yield from certificate_authority.warnings(f"{PATH}.ca", spec.ca, today)
    if spec.peer is None:
        return
    other = spec.peer.cluster
    if other is None:
        yield Problem(
            f"{PATH}.peer",
            f"is not up yet: {spec.peer.stack} has no outputs of a cluster of this mesh. This one goes up alone; once "
            "that one is up, the next `pulumi up` here connects the two",
        )
        return
    for app in failing_over(read.get("apps", {})):
        if app.service_host not in other.failing_over:
            yield Problem(
                f"{app.declared_at}.cluster_failover",
                f"is not said of {app.service_host} in {spec.peer.stack}, whose gateway then lets no request for it "
                "in; say it there too",
            )


def spec_of(read: Mapping[str, Any]) -> MultiClusterSpec | None:
    istio: IstioSpec | None = read.get("istio")
    return None if istio is None else istio.multi_cluster
