"""Tags of the standard metrics, as expressions that give one of their declared values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.telemetry import (
    MetricSelector,
    MetricSelector_IstioMetric,
    MetricsOverrides,
    MetricsOverrides_TagOverride,
    MetricsOverrides_TagOverride_Operation,
)
from chatgpt_mesh.mesh.objects import cel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.metric_tags import MetricTagSpec


def overrides(
    tags: Mapping[str, MetricTagSpec],
    drop: Iterable[str],
    given: Iterable[tuple[str, str, Sequence[str]]] = (),
) -> tuple[MetricsOverrides, ...]:
    """The tags that are added to single metrics, and those that are left out of all.

    `given`: (name, expression, metrics) of tags that are not declared one by one.
    """
    by_metric: dict[str, dict[str, MetricsOverrides_TagOverride]] = {}
    remove = MetricsOverrides_TagOverride(operation=MetricsOverrides_TagOverride_Operation.REMOVE)
    for name in sorted(drop):
        by_metric.setdefault("ALL_METRICS", {})[name] = remove
    for name in sorted(tags):
        override = MetricsOverrides_TagOverride(value=expression(tags[name]))
        for metric in tags[name].metrics:
            by_metric.setdefault(metric, {})[name] = override
    for name, value, metrics in given:
        for metric in metrics:
            by_metric.setdefault(metric, {})[name] = MetricsOverrides_TagOverride(value=value)
    return tuple(
        MetricsOverrides(match=MetricSelector(metric=MetricSelector_IstioMetric(metric)), tag_overrides=of_metric)
        for metric, of_metric in sorted(by_metric.items())
    )


def expression(tag: MetricTagSpec) -> str:
    """The CEL expression that gives one of the tag's values."""
    if tag.header is not None:
        return cel.header_value(tag.header, tag.values, absent=tag.absent, other=tag.other)
    if tag.size is not None:
        text = "'more'"
        for bound in reversed(tag.size.buckets):
            text = f"{tag.size.of}.size <= {bound} ? 'le_{bound}' : {text}"
        return text
    if tag.expression is not None:
        return cel.one_of(f"({tag.expression})", tag.values, tag.other)
    return (
        "!has(response.code) ? 'none' : response.code < 400 ? 'success' : "
        "response.code < 500 ? 'client_error' : 'server_error'"
    )
