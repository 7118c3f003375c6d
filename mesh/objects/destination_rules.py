"""DestinationRules of an app: one with its traffic policy, and one per version with its subset alone.

Istio joins the subsets of several rules for one host, and takes the traffic policy of the first that has one. With a
rule per version, a version is added before the first route to it and removed after the last
(`mesh.objects.order`), which one rule with a list of subsets cannot do in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import DestinationRule, Subset, TrafficPolicy
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects.load_balancing import load_balancer
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.resilience import connection_pool, outlier_detection, retry_budget
from chatgpt_mesh.mesh.objects.rollout import subset_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.rollout import VersionSpec


def objects(app: AppSpec) -> Iterator[Owned]:
    rollout = app.rollout
    if app.service is None or (rollout is not None and rollout.managed_by == "flagger"):
        return
    owner, host = app.declared_at, app.service_host
    # No `tls` here: it would override automatic mutual TLS on every port, the metrics port included.
    policy = _traffic_policy(app, None)
    rule = DestinationRule(host=host, traffic_policy=policy)
    yield Owned(Resource(metadata=ObjectMeta(name=app.name, namespace=app.namespace), spec=rule), owner)
    handed_off: set[str] = set()
    if rollout is not None and rollout.managed_by == "argo-rollouts" and rollout.canary is not None:
        handed_off = {rollout.stable, rollout.canary.version}
        # The controller adds its pod hash to both subsets, and takes them from one rule. What else they select by has
        # to be on the pods of every version to come, since each becomes the stable one:
        # https://argo-rollouts.readthedocs.io/en/stable/features/traffic-management/istio/
        subsets = [_subset(app, version, app.pod_labels) for version in (rollout.stable, rollout.canary.version)]
        metadata = ObjectMeta(name=f"{app.name}-rollout", namespace=app.namespace)
        yield Owned(
            Resource(metadata=metadata, spec=DestinationRule(host=host, subsets=subsets)),
            f"{owner}.rollout",
            ignore_changes=("spec.subsets",),
        )
    for version in app.versions:
        if version not in handed_off:
            labels = app.versions[version].labels or {"version": version}
            rule = DestinationRule(host=host, subsets=(_subset(app, version, labels),))
            metadata = ObjectMeta(name=f"{app.name}-{version}", namespace=app.namespace)
            yield Owned(Resource(metadata=metadata, spec=rule), f"{owner}.versions.{version}")


def _subset(app: AppSpec, version: str, labels: Mapping[str, str]) -> Subset:
    spec = app.versions[version]
    own = spec.pool is not None or spec.outlier is not None or spec.load_balancing is not None
    # A subset's block replaces the rule's whole, so a version with one setting of its own gets a complete policy.
    policy = _traffic_policy(app, spec) if own else None
    return Subset(name=subset_name(app, version), labels=labels, traffic_policy=policy)


def _traffic_policy(app: AppSpec, version: VersionSpec | None) -> TrafficPolicy:
    pool = (version and version.pool) or app.resilience.pool
    outlier = (version and version.outlier) or app.resilience.outlier
    load_balancing = (version and version.load_balancing) or app.load_balancing
    return TrafficPolicy(
        load_balancer=load_balancer(load_balancing, cluster_failover=app.cluster_failover),
        connection_pool=connection_pool(pool),
        outlier_detection=outlier and outlier_detection(outlier),
        retry_budget=app.resilience.retry_budget and retry_budget(app.resilience.retry_budget),
    )
