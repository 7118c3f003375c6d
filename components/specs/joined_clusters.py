"""Two clusters of one mesh: what a stack that names another one must say, and where the two do not fit together."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs import certificate_authority
from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
from chatgpt_mesh.components.specs.compatibility import Version
from chatgpt_mesh.components.specs.multi_cluster import PATH
from chatgpt_mesh.components.specs.peer import RANGES
from chatgpt_mesh.mesh.specs import gateway_workload
from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST, failing_over
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Set
    from datetime import date

    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.components.specs.multi_cluster import MultiClusterSpec
    from chatgpt_mesh.components.specs.network import NetworkSpec
    from chatgpt_mesh.components.specs.peer import PeerCluster
    from chatgpt_mesh.mesh.specs.app import AppSpec


def problems(
    read: Mapping[str, Any], unread: Set[str], today: date, *, is_secret: Callable[[str], bool], in_engine: bool
) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name, `unread` the paths of those that did not; `is_secret` whether
    Pulumi keeps a text encrypted, and `in_engine` whether its engine has decrypted it."""
    spec = _spec_of(read)
    if spec is not None and spec.ca is not None:
        yield from certificate_authority.problems(f"{PATH}.ca", spec.ca, today)
        encrypted = is_secret(spec.ca.key)
        yield from certificate_authority.readable(f"{PATH}.ca", spec.ca, encrypted=encrypted, in_engine=in_engine)
    apps: Mapping[str, AppSpec] = read.get("apps", {})
    known = "istio" not in unread
    if known and (spec is None or spec.peer is None):
        for name, app in apps.items():
            if app.cluster_failover:
                yield Problem(
                    f"apps.{name}.cluster_failover",
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
        yield from mismatches(read, spec, spec.peer.cluster)


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
    spec = _spec_of(read)
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
    for name, app in read.get("apps", {}).items():
        if app.cluster_failover and app.service_host not in other.failing_over:
            yield Problem(
                f"apps.{name}.cluster_failover",
                f"is not said of {app.service_host} in {spec.peer.stack}, whose gateway then lets no request for it "
                "in; say it there too",
            )


def mismatches(read: Mapping[str, Any], spec: MultiClusterSpec, peer: PeerCluster) -> Iterator[Problem]:
    """Where two clusters cannot be one mesh. Each sentence names the setting of this stack, and what the other has."""
    assert spec.peer is not None, "there is no other cluster without it"  # noqa: S101
    path, stack = PATH, spec.peer.stack
    if spec.mesh != peer.mesh:
        yield Problem(
            f"{path}.mesh", f"must be the name that {stack} has, {peer.mesh}: the two are one mesh", spec.mesh
        )
    if spec.cluster == peer.cluster:
        yield Problem(
            f"{path}.cluster",
            f"is the name of the cluster of {stack} too, and Istio would take the two for one; give each its own",
            spec.cluster,
        )
    if spec.network == peer.network:
        yield Problem(
            f"{path}.network",
            f"is the network of {stack} too, so that pods would be called across clusters without a gateway, which "
            "they cannot reach; give each its own",
            spec.network,
        )
    trust_domain = read.get("trust_domain", "cluster.local")
    if trust_domain != peer.trust_domain:
        yield Problem(
            "trust_domain",
            f"must be that of {stack}, {peer.trust_domain}: policies name callers by it in both clusters",
            trust_domain,
        )
    if spec.ca is not None and spec.ca.is_read and spec.ca.root_sha256 != peer.root_sha256:
        yield Problem(
            f"{path}.ca.root",
            f"is another certificate (SHA-256 {spec.ca.root_sha256[:16]}...) than the root of {stack} "
            f"({peer.root_sha256[:16]}...), and no pod of the one would believe a pod of the other; sign both "
            "authorities with one root",
        )
    yield from _versions(read["istio"], stack, peer)
    network: NetworkSpec | None = read.get("network")
    if network is not None:
        yield from _ranges(network, stack, peer)


def _versions(istio: IstioSpec, stack: str, peer: PeerCluster) -> Iterator[Problem]:
    own, other = Version.parse(istio.version), Version.parse(peer.istio_version)
    if abs(own.minor - other.minor) > 1:
        yield Problem(
            "istio.version",
            f"is more than one minor away from {peer.istio_version}, which {stack} has; upgrade the older one first",
            istio.version,
        )


def _ranges(network: NetworkSpec, stack: str, peer: PeerCluster) -> Iterator[Problem]:
    for name in RANGES:
        own = str(getattr(network, name))
        for other, declared in peer.ranges.items():
            if ip_network(own).overlaps(ip_network(declared)):
                yield Problem(
                    f"network.{name}",
                    f"overlaps network.{other} of {stack}, {declared}; the two networks are joined, so each needs "
                    "ranges of its own",
                    own,
                )


def _spec_of(read: Mapping[str, Any]) -> MultiClusterSpec | None:
    istio: IstioSpec | None = read.get("istio")
    return None if istio is None else istio.multi_cluster
