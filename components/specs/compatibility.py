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


class Row(NamedTuple):
    """What one minor of Istio needs."""

    lowest_patch: int
    """In which the CNI plugin starts again after a restart of its node (istio/istio#60668)."""
    kubernetes: range
    """Minors of Kubernetes 1.x that it runs on.

    Lowest: `MinK8SVersion` in istioctl/pkg/install/k8sversion/version.go of its source. Highest: the table of
    https://istio.io/latest/docs/releases/supported-releases/#support-status-of-istio-releases
    """

    @property
    def kubernetes_text(self) -> str:
        """Lowest and highest version: `1.32 to 1.36`."""
        return f"1.{self.kubernetes[0]} to 1.{self.kubernetes[-1]}"


ROWS: Mapping[int, Row] = {
    29: Row(lowest_patch=7, kubernetes=range(31, 36)),
    30: Row(lowest_patch=4, kubernetes=range(32, 37)),
    31: Row(lowest_patch=0, kubernetes=range(32, 37)),
}
"""Every minor of Istio 1.x that a stack may name. Another one is refused: whether it works is not known here."""

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


def unknown_releases(istio: IstioSpec) -> Iterator[Problem]:
    """The stack's versions of Istio that no row tells of, on whatever cluster."""
    oldest, newest = min(ROWS), max(ROWS)
    for path, text in _named(istio):
        minor = Version.parse(text).minor
        if minor < oldest:
            yield Problem(
                path, f"must be 1.{oldest}.{ROWS[oldest].lowest_patch} or newer; older ones get no fixes", text
            )
        elif minor not in ROWS:
            yield Problem(
                path,
                f"is not known here: which Kubernetes Istio 1.{minor} runs on is not written down; take 1.{oldest} to "
                f"1.{newest}, or add a row to components/specs/compatibility.py (docs/istio-version.md)",
                text,
            )


def side_by_side(istio: IstioSpec) -> Iterator[Problem]:
    """Control planes that cannot serve one mesh together, and definitions that are older than one of them.

    https://istio.io/latest/docs/setup/upgrade/helm/#canary-upgrade-recommended
    """
    versions = {name: Version.parse(text) for name, text in istio.revisions.items()}
    if not versions or any(version.minor not in ROWS for version in versions.values()):
        return  # `unknown_releases` has said so
    oldest, newest = min(versions, key=versions.__getitem__), max(versions, key=versions.__getitem__)
    if versions[newest].minor - versions[oldest].minor > 1:
        yield Problem(
            f"istio.revisions.{newest}",
            f"is more than one minor above istio.revisions.{oldest} ({istio.revisions[oldest]}); upgrade by the minor "
            "between them first",
            istio.revisions[newest],
        )
    if Version.parse(istio.version) < versions[newest]:
        yield Problem(
            "istio.version",
            f"is older than istio.revisions.{newest}: definitions and the CNI plugin, which it is the version of, come "
            f"before a control plane; make it {istio.revisions[newest]}",
            istio.version,
        )


def kubernetes_problem(path: str, kubernetes: str, istio: str) -> Problem | None:
    """Whether an Istio version runs on a Kubernetes version.

    Raises:
        KeyError: No row tells of that version of Istio; `unknown_releases` comes first.
    """
    row = ROWS[Version.parse(istio).minor]
    if Version.parse(kubernetes).minor in row.kubernetes:
        return None
    return Problem(
        path,
        f"is Kubernetes {kubernetes}, and Istio {istio} runs on {row.kubernetes_text}; change one of the two",
        kubernetes,
    )


def _named(istio: IstioSpec) -> Iterator[tuple[str, str]]:
    """Each version of Istio in a stack, with its path."""
    yield "istio.version", istio.version
    yield from ((f"istio.revisions.{name}", version) for name, version in istio.revisions.items())


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
    for path, text in _named(istio):
        version = Version.parse(text)
        row = ROWS.get(version.minor)
        if row is None:
            continue  # `unknown_releases` has said so
        if version.patch < row.lowest_patch:
            yield Problem(
                path,
                f"must be 1.{version.minor}.{row.lowest_patch} or newer: before, the CNI plugin and the pods "
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
