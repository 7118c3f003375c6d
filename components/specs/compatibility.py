"""Istio on GKE: refuses pairs of settings that each work alone and fail together, before anything is registered.

Each rule names where the failure was met, so that it can be lifted when the cause is gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.components.specs.node_pools import TaintSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

CNI_FLOOR: Mapping[int, int] = {29: 7, 30: 4, 31: 0}
"""Lowest patch of each minor in which the CNI plugin starts again after a restart of its node (istio/istio#60668)."""

KUBERNETES_MINORS: Mapping[int, range] = {29: range(31, 36), 30: range(32, 37), 31: range(32, 37)}
"""Minors of Kubernetes 1.x that each minor of Istio 1.x runs on.

The floor of 1.31 is `MinK8SVersion` in the source of its istioctl.
https://istio.io/latest/docs/releases/supported-releases/ """

_SHARED_CORE = re.compile(r"(f1-micro|g1-small|e2-(micro|small|medium))")
_ONE_PROCESSOR = re.compile(r".*-(standard|highmem|highcpu|custom)-1(-.*)?")


class Version(NamedTuple):
    """MAJOR.MINOR.PATCH; what is missing counts as 0."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
        if found is None:
            raise ValueError(f"{text} is no version")
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))


def problems(
    cluster: GkeClusterSpec, istio: IstioSpec | None, gateways: Mapping[str, GatewaySpec] | None
) -> Iterator[Problem]:
    """Pairs that do not work. What could not be read is None and is not judged."""
    yield from _machines(cluster)
    if istio is not None:
        yield from _mode(cluster, istio)
        yield from _versions(cluster, istio)
    if gateways is not None:
        yield from _places(cluster, gateways)


def version_problems(istio: IstioSpec) -> Iterator[Problem]:
    """Versions that this program knows nothing of: neither which Kubernetes they run on, nor their objects."""
    oldest, newest = min(KUBERNETES_MINORS), max(KUBERNETES_MINORS)
    for path, text in _named_versions(istio).items():
        if Version.parse(text).minor not in KUBERNETES_MINORS:
            yield Problem(
                path, f"must be a version from 1.{oldest} to 1.{newest}, the ones that this program knows", text
            )


def _named_versions(istio: IstioSpec) -> dict[str, str]:
    return {"istio.version": istio.version, **{f"istio.revisions.{k}": v for k, v in istio.revisions.items()}}


def kubernetes_problem(path: str, kubernetes: str, istio: str) -> Problem | None:
    """Whether an Istio version runs on a Kubernetes version."""
    minors = KUBERNETES_MINORS.get(Version.parse(istio).minor)
    if minors is None or Version.parse(kubernetes).minor in minors:
        return None
    return Problem(
        path,
        f"is Kubernetes {kubernetes}, and Istio {istio} runs on 1.{minors[0]} to 1.{minors[-1]}; change one of the two",
        kubernetes,
    )


def _mode(cluster: GkeClusterSpec, istio: IstioSpec) -> Iterator[Problem]:
    if istio.data_plane == "ambient":
        yield Problem(
            "istio.data_plane",
            "ambient is not offered on GKE: Dataplane V2 sends a probe's answer from 169.254.7.127, which policies "
            "drop (istio/istio#49277), blackholes its port 15008 on one node (istio/istio#59754) and loses Workload "
            "Identity behind waypoints (istio/istio#59597); use sidecar",
            istio.data_plane,
        )
    if cluster.mode == "autopilot":
        reason = (
            "forbids the host paths and capabilities that Istio's CNI plugin needs (istio/istio#37150); with istio.cni "
            "false every pod would need NET_ADMIN instead"
            if istio.cni
            else "takes away node pools, their identity and their firewall tag, which this program relies on"
        )
        yield Problem("cluster.mode", f"autopilot {reason}; use standard", cluster.mode)
    if cluster.security.intranode_visibility and Version.parse(istio.version) < (1, 24, 0):
        yield Problem(
            "cluster.security.intranode_visibility",
            "sets src_valid_mark on the nodes, by which Istio before 1.24 loses redirected traffic "
            "(istio/istio#52576); set it to false, or take a newer Istio",
            True,
        )
    if not istio.cni:
        # The lab does without; on GKE every pod of an app would then be one that may rewrite its node's network.
        yield Problem(
            "istio.cni",
            "must be true on GKE: without the plugin every pod needs NET_ADMIN and NET_RAW, which Pod Security refuses",
            istio.cni,
        )


def _versions(cluster: GkeClusterSpec, istio: IstioSpec) -> Iterator[Problem]:
    for path, text in _named_versions(istio).items():
        version = Version.parse(text)
        if version.patch < CNI_FLOOR.get(version.minor, 0):
            yield Problem(
                path,
                f"must be 1.{version.minor}.{CNI_FLOOR[version.minor]} or newer: before, the CNI plugin and the pods "
                "of a restarted node wait for each other (istio/istio#60668)",
                text,
            )
        if cluster.minimum_version is not None:
            problem = kubernetes_problem("cluster.minimum_version", cluster.minimum_version, text)
            if problem is not None:
                yield problem


def _machines(cluster: GkeClusterSpec) -> Iterator[Problem]:
    for name, pool in cluster.pools.items():
        if not pool.open_to_all:
            continue
        if _SHARED_CORE.fullmatch(pool.machine_type) or _ONE_PROCESSOR.fullmatch(pool.machine_type):
            yield Problem(
                f"cluster.pools.{name}.machine_type",
                "has one processor or a part of one, and istiod with its neighbours needs more "
                "(https://istio.io/latest/docs/setup/platform-setup/gke/); take e2-standard-2 or larger, or taint the "
                "pool",
                pool.machine_type,
            )
    if not any(pool.open_to_all for pool in cluster.pools.values()):
        yield Problem(
            "cluster.pools",
            "are all tainted with NoSchedule or NoExecute, so that istiod and the system's pods find no place; leave "
            "one pool without",
        )
    if any(pool.spot for pool in cluster.pools.values()) and not any(
        pool.open_to_all and not pool.spot for pool in cluster.pools.values()
    ):
        yield Problem(
            "cluster.pools",
            "that take istiod are all spot machines, which may all be gone at once; add one that is not",
        )


def _places(cluster: GkeClusterSpec, gateways: Mapping[str, GatewaySpec]) -> Iterator[Problem]:
    for name, gateway in gateways.items():
        workload = gateway.workload
        wanted = workload.node_selector
        if not wanted:
            continue
        fitting = [
            pool
            for pool_name, pool in cluster.pools.items()
            if wanted.items() <= {**pool.labels, "cloud.google.com/gke-nodepool": pool_name}.items()
        ]
        path = f"gateways.{name}.workload"
        if not fitting:
            labels = ", ".join(f"{key}={value}" for key, value in wanted.items())
            yield Problem(
                f"{path}.node_selector", f"asks for nodes with {labels}, and no pool of cluster.pools has them"
            )
        elif not any(_tolerated(pool.taints, workload.tolerations) for pool in fitting):
            yield Problem(
                f"{path}.tolerations", "tolerate the taints of no pool that node_selector names; add the pool's taints"
            )


def _tolerated(taints: tuple[TaintSpec, ...], tolerations: tuple[dict[str, str], ...]) -> bool:
    return all(
        any(
            toleration.get("key") in (None, taint.key)
            and toleration.get("effect") in (None, taint.effect)
            and (toleration.get("operator") == "Exists" or toleration.get("value") == taint.value)
            for toleration in tolerations
        )
        for taint in taints
        if taint.effect != "PreferNoSchedule"
    )
