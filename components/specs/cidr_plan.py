"""Plans the ranges of a GKE network: refuses what GKE would refuse in the middle of `up`, or when the cluster grows.

Pure: networks and pools go in, sentences come out. Nodes and pods in each range are counted for the largest size that
the pools may reach, upgrades included.
https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips#cluster_sizing"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from chatgpt_mesh.components.specs.network import NetworkSpec
    from chatgpt_mesh.components.specs.node_pools import NodePoolSpec

Range = ipaddress.IPv4Network | ipaddress.IPv6Network

RESERVED_PER_SUBNET = 4
"""First, second, last and last but one address:
https://cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet"""

FORBIDDEN: Mapping[str, str] = {
    "0.0.0.0/8": "this network",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local, where the metadata server is",
    "224.0.0.0/4": "multicast",
    "199.36.153.4/30": "Google's restricted APIs",
    "199.36.153.8/30": "Google's private APIs",
}
"""Ranges that no subnet can have. https://cloud.google.com/vpc/docs/subnets#prohibited-ipv4-subnet-ranges"""

PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "240.0.0.0/4",
    "192.0.0.0/24",
    "198.18.0.0/15",
)
"""Ranges that belong to nobody on the internet. https://cloud.google.com/vpc/docs/subnets#valid-ranges"""

CONTAINER_BRIDGE = "172.17.0.0/16"
"""The bridge of the container runtime on every node.
https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips#docker-default-bridge-range"""

# Shortest and longest prefix that GKE takes for each range.
_PREFIXES: Mapping[str, tuple[int, int]] = {
    "nodes": (8, 29),
    "pods": (9, 21),
    "services": (16, 27),
    "proxy_only": (10, 26),
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What pools of the declared sizes take of each range, and what there is."""

    nodes_needed: int
    nodes_available: int
    pod_addresses_needed: int
    pod_addresses_available: int


def ranges(network: NetworkSpec) -> dict[str, Range]:
    """The ranges of a network by the name of their setting."""
    named = {name: getattr(network, name) for name in ("nodes", "pods", "services", "control_plane", "proxy_only")}
    return {name: ipaddress.ip_network(text) for name, text in named.items() if text is not None}


def capacity(network: NetworkSpec, pools: Mapping[str, NodePoolSpec]) -> Capacity:
    """How much of the ranges the pools take when all of them are as large as they may be."""
    return Capacity(
        nodes_needed=sum(pool.most_nodes for pool in pools.values()),
        nodes_available=ipaddress.ip_network(network.nodes).num_addresses - RESERVED_PER_SUBNET,
        pod_addresses_needed=sum(pool.most_nodes * pool.pod_block for pool in pools.values()),
        pod_addresses_available=ipaddress.ip_network(network.pods).num_addresses,
    )


def problems(
    path: str, network: NetworkSpec, pools: Mapping[str, NodePoolSpec], *, internal_load_balancers: int = 0
) -> Iterator[Problem]:
    """What is wrong with the ranges, by `path`, the network's path in the stack file.

    `internal_load_balancers` take an address of the nodes' range each.
    """
    named = ranges(network)
    well_formed = True
    for name, found in named.items():
        for problem in _shape(f"{path}.{name}", name, found):
            well_formed = False
            yield problem
    for (first, one), (second, other) in combinations(named.items(), 2):
        if one.version == other.version and one.overlaps(other):
            yield Problem(
                f"{path}.{second}",
                f"overlaps {path}.{first}, which is {one}; give each a range of its own"
                + _next_free(other, named.values()),
                str(other),
            )
    if well_formed:
        yield from _too_small(path, network, pools, internal_load_balancers)


def warnings(path: str, network: NetworkSpec) -> Iterator[Problem]:
    """Ranges that work, and that somebody on the internet owns too."""
    for name, found in ranges(network).items():
        if found.version == 4 and not any(found.subnet_of(ipaddress.IPv4Network(private)) for private in PRIVATE):
            yield Problem(
                f"{path}.{name}",
                "is of public addresses; the cluster can then not reach whoever owns them, unless you do",
                str(found),
            )


def _shape(path: str, name: str, found: Range) -> Iterator[Problem]:
    if found.version != 4:
        yield Problem(path, "must be an IPv4 range", str(found))
        return
    if name == "control_plane":
        if found.prefixlen != 28:
            yield Problem(path, "must be a /28, the size that GKE takes for a control plane", str(found))
    else:
        shortest, longest = _PREFIXES[name]
        if not shortest <= found.prefixlen <= longest:
            yield Problem(path, f"must be between /{shortest} and /{longest}", str(found))
    for text, what in FORBIDDEN.items():
        if found.overlaps(ipaddress.ip_network(text)):
            yield Problem(path, f"overlaps {text} ({what}), which no subnet can have", str(found))
    if name in ("nodes", "control_plane") and found.overlaps(ipaddress.ip_network(CONTAINER_BRIDGE)):
        yield Problem(
            path,
            f"overlaps {CONTAINER_BRIDGE}, the bridge of the container runtime on every node; take another range",
            str(found),
        )


def _too_small(
    path: str, network: NetworkSpec, pools: Mapping[str, NodePoolSpec], internal_load_balancers: int
) -> Iterator[Problem]:
    found = capacity(network, pools)
    if found.pod_addresses_needed > found.pod_addresses_available:
        blocks = ", ".join(f"{name} {pool.most_nodes} x {pool.pod_block}" for name, pool in pools.items())
        yield Problem(
            f"{path}.pods",
            f"has {found.pod_addresses_available} addresses, and the pools take {found.pod_addresses_needed} when all "
            f"nodes are there ({blocks}); take a /{_prefix_for(found.pod_addresses_needed)}, fewer nodes, or a lower "
            "max_pods_per_node",
            network.pods,
        )
    needed = found.nodes_needed + internal_load_balancers
    if needed > found.nodes_available:
        yield Problem(
            f"{path}.nodes",
            f"has {found.nodes_available} usable addresses, and nodes and internal load balancers take {needed}; take "
            f"a /{_prefix_for(needed + RESERVED_PER_SUBNET)}",
            network.nodes,
        )


def _prefix_for(addresses: int) -> int:
    return 32 - (addresses - 1).bit_length()


def _next_free(wanted: Range, taken: Collection[Range]) -> str:
    """A range of the same size beside the others, as a suggestion."""
    if not 8 < wanted.prefixlen <= 29:
        return ""
    candidates = ipaddress.ip_network("10.0.0.0/8").subnets(new_prefix=wanted.prefixlen)
    free = next((one for one in candidates if not any(one.overlaps(other) for other in taken)), None)
    return f", such as {free}" if free else ""
