"""Mistakes between the parts of a stack, most of them on GKE: project, network, cluster, Istio, gateways, dates.

Works on those parts that parsed, so that one misspelt key hides no overlap of ranges.
"""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs import cidr_plan, compatibility
from chatgpt_mesh.components.specs.addresses import reserved_addresses
from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
from chatgpt_mesh.mesh.specs.dates import too_far
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set
    from datetime import date

    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.components.specs.namespace import NamespaceSpec
    from chatgpt_mesh.components.specs.network import NetworkSpec
    from chatgpt_mesh.mesh.specs.egress import EgressSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitServiceSpec

NOTICE = timedelta(days=14)
"""How long before its end an exclusion is warned about."""

LONGEST_NAME = 63
"""Characters of a name in Google Cloud."""

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


def problems(read: Mapping[str, Any], unread: Set[str], today: date) -> Iterator[Problem]:
    """What types cannot see. `read` are the settings that parsed, by name, `unread` the paths of those that did not."""
    istio: IstioSpec | None = read.get("istio")
    if istio is not None:
        yield from compatibility.unknown_releases(istio)
        yield from compatibility.side_by_side(istio)
    cluster = read.get("cluster")
    service: RateLimitServiceSpec | None = read.get("rate_limit_service")
    memorystore = service and service.deployment and service.deployment.memorystore
    if not isinstance(cluster, GkeClusterSpec):
        if memorystore is not None and cluster is not None:
            yield Problem(
                "rate_limit_service.deployment.memorystore",
                "is made in the network of a cluster that this stack makes (cluster.kind gke); name a Redis that is "
                "there in redis",
            )
        return
    network: NetworkSpec | None = read.get("network")
    if network is not None and memorystore is not None and memorystore.range is not None:
        yield from _memorystore_range(network, memorystore.range)
    for name, what in (
        ("project", "the id of the Google Cloud project, such as acme-chatgpt-prod"),
        ("network", "region, zones and ranges of the cluster's VPC"),
    ):
        if read.get(name) is None and name not in unread:
            yield Problem(name, f"is required with cluster.kind gke: {what}")
    gateways: Mapping[str, GatewaySpec] | None = None if _touches(unread, "gateways") else read.get("gateways", {})
    if network is not None:
        internal = [gateway for gateway in (gateways or {}).values() if gateway.kind == "internal"]
        between_clusters = any(app.cluster_failover for app in read.get("apps", {}).values())
        balancers = len(internal) + between_clusters
        yield from cidr_plan.problems("network", network, cluster.pools, internal_load_balancers=balancers)
        yield from _zones(network, cluster)
        yield from _addresses_inside(network, read.get("egress"))
    yield from compatibility.problems(cluster, istio, gateways)
    yield from _access(cluster, production=not read.get("faults_allowed", False))
    yield from _exclusions(cluster, today)
    yield from _names(cluster, gateways or {})
    yield from _groups(read.get("namespaces", {}))
    if not _touches(unread, "apps"):
        for app in cluster.identity.apps.keys() - read.get("apps", {}).keys():
            yield Problem(f"cluster.identity.apps.{app}", "is no app of this stack")
    needs_number = {
        "cluster.identity.apps": bool(cluster.identity.apps),
        "cluster.security.secrets_key": cluster.security.secrets_key is not None,
    }
    if read.get("project_number") is None and "project_number" not in unread:
        for path, needed in needs_number.items():
            if needed:
                yield Problem(
                    path,
                    "needs project_number, by which Google names the identities of a project: "
                    "gcloud projects describe PROJECT --format='value(projectNumber)'",
                )


def warnings(read: Mapping[str, Any], today: date) -> Iterator[Problem]:
    """What is right today and will not be soon, or is right and surprising."""
    cluster = read.get("cluster")
    if not isinstance(cluster, GkeClusterSpec):
        return
    network: NetworkSpec | None = read.get("network")
    if network is not None:
        yield from cidr_plan.warnings("network", network)
    for name, exclusion in cluster.maintenance.exclusions.items():
        if today <= exclusion.until <= today + NOTICE:
            yield Problem(
                f"cluster.maintenance.exclusions.{name}",
                f"ends on {exclusion.until}; remove it by then, or GKE refuses the next change of the cluster",
            )


def _zones(network: NetworkSpec, cluster: GkeClusterSpec) -> Iterator[Problem]:
    for name, pool in cluster.pools.items():
        elsewhere = [zone for zone in pool.zones if zone not in network.zones]
        if elsewhere:
            yield Problem(
                f"cluster.pools.{name}.zones",
                f"names {elsewhere[0]}, which is not one of network.zones: {', '.join(network.zones)}",
            )


def _memorystore_range(network: NetworkSpec, declared: str) -> Iterator[Problem]:
    for name in ("nodes", "pods", "services", "control_plane"):
        if ip_network(declared).overlaps(ip_network(getattr(network, name))):
            yield Problem(
                "rate_limit_service.deployment.memorystore.range",
                f"overlaps network.{name}, {getattr(network, name)}; choose one outside",
                declared,
            )


def _addresses_inside(network: NetworkSpec, egress: EgressSpec | None) -> Iterator[Problem]:
    ranges = {name: ip_network(getattr(network, name)) for name in ("pods", "services")}
    for index, destination in enumerate(egress.allow if egress is not None else ()):
        for name, inside in ranges.items():
            if destination.address is not None and ip_address(destination.address) in inside:
                yield Problem(
                    f"egress.allow.{index}.address",
                    f"is of network.{name}, inside the cluster, where addresses come and go; list the caller in "
                    "callers of the app, or a Service of others under security.visible_services",
                    destination.address,
                )


def _access(cluster: GkeClusterSpec, *, production: bool) -> Iterator[Problem]:
    ip = cluster.access.ip
    if ip is None:
        return
    for name, network in ip.authorized.items():
        if production and network in EVERYWHERE:
            yield Problem(
                f"cluster.access.ip.authorized.{name}",
                "lets the whole internet reach the API server of a production stack; name the networks that need it, "
                "or use access.dns, where IAM decides",
                network,
            )


def _exclusions(cluster: GkeClusterSpec, today: date) -> Iterator[Problem]:
    for name, exclusion in cluster.maintenance.exclusions.items():
        if exclusion.until < today:
            yield Problem(
                f"cluster.maintenance.exclusions.{name}.until",
                f"is past (today is {today}), and GKE refuses a cluster with a past exclusion; remove the entry",
                str(exclusion.until),
            )
        elif refusal := too_far(exclusion.until, today):
            yield Problem(f"cluster.maintenance.exclusions.{name}.until", refusal, str(exclusion.until))


def _names(cluster: GkeClusterSpec, gateways: Mapping[str, GatewaySpec]) -> Iterator[Problem]:
    """Names that are made of two."""
    for name, address in reserved_addresses(cluster, gateways).items():
        if len(address) > LONGEST_NAME:
            yield Problem(
                f"gateways.{name}",
                f"has a reserved address named {address}, and Google takes {LONGEST_NAME} characters; shorten the "
                "gateway's name or cluster.name, or name an address in workload.service.address",
            )


def _groups(namespaces: Mapping[str, NamespaceSpec]) -> Iterator[Problem]:
    for name, spec in namespaces.items():
        for field in ("editors", "viewers"):
            for index, group in enumerate(getattr(spec, field)):
                if not re.fullmatch(r"[A-Za-z0-9._+-]+@([a-z0-9-]+\.)+[a-z0-9-]+", group) and ":" not in group:
                    yield Problem(
                        f"namespaces.{name}.{field}.{index}",
                        "is no mail address of a group, and GKE knows groups by nothing else; write NAME@DOMAIN",
                        group,
                    )


def _touches(unread: Set[str], section: str) -> bool:
    return any(path == section or path.startswith(f"{section}.") for path in unread)
