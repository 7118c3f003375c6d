"""Load balancing as a DestinationRule carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    LoadBalancerSettings,
    LoadBalancerSettings_ConsistentHashLB,
    LoadBalancerSettings_ConsistentHashLB_HTTPCookie,
    LoadBalancerSettings_SimpleLB,
    LocalityLoadBalancerSetting,
    LocalityLoadBalancerSetting_Distribute,
    LocalityLoadBalancerSetting_Failover,
    WarmupConfiguration,
)

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.load_balancing import HashSpec, LoadBalancingSpec, LocalitySpec


NETWORK = "topology.istio.io/network"
"""Label: https://istio.io/latest/docs/reference/config/labels/#TopologyNetwork"""

OWN_CLUSTER_FIRST = (
    NETWORK,
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
)
"""Pods of the caller's own network, which is its cluster's, come before all others; within it the near ones, as without
a word. Istio takes a network at the first place only."""


def load_balancer(spec: LoadBalancingSpec, *, cluster_failover: bool = False) -> LoadBalancerSettings:
    locality = None if spec.locality is None else _locality(spec.locality)
    if cluster_failover:
        locality = LocalityLoadBalancerSetting(enabled=True, failover_priority=OWN_CLUSTER_FIRST)
    return LoadBalancerSettings(
        simple=LoadBalancerSettings_SimpleLB[spec.algorithm.upper()] if spec.hash is None else None,
        consistent_hash=None if spec.hash is None else _hash(spec.hash),
        locality_lb_setting=locality,
        warmup=None if spec.warmup is None else WarmupConfiguration(duration=spec.warmup),
    )


def _hash(spec: HashSpec) -> LoadBalancerSettings_ConsistentHashLB:
    cookie = spec.cookie and LoadBalancerSettings_ConsistentHashLB_HTTPCookie(
        name=spec.cookie, path="/", ttl=spec.cookie_ttl
    )
    return LoadBalancerSettings_ConsistentHashLB(
        http_header_name=spec.header,
        http_cookie=cookie or None,
        use_source_ip=spec.source_ip or None,
        http_query_parameter_name=spec.query,
    )


def _locality(spec: LocalitySpec) -> LocalityLoadBalancerSetting:
    return LocalityLoadBalancerSetting(
        enabled=True,
        failover=[LocalityLoadBalancerSetting_Failover(from_=f.from_, to=f.to) for f in spec.failover],
        distribute=[LocalityLoadBalancerSetting_Distribute(from_=d.from_, to=d.to) for d in spec.distribute],
    )
