"""What `depends_on` takes: resources that are known now, and those that are known only when a chart is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_kubernetes.helm.v4 import Chart

Resources = pulumi.Output[list[pulumi.Resource]]


def everything_of(charts: Sequence[Chart]) -> Resources:
    """The charts and each object in them.

    A chart is recorded under its own name only. What must be destroyed before the chart's objects has to depend on
    the objects themselves.
    """

    def flat(found: Sequence[Any]) -> list[pulumi.Resource]:
        objects = [item for resources in found for item in resources or () if isinstance(item, pulumi.Resource)]
        return [*charts, *objects]

    return pulumi.Output.all(*(chart.resources for chart in charts)).apply(flat)


def milestone(name: str, reached: Resources, parent: pulumi.Resource | None = None) -> pulumi.Resource:
    """One resource that stands for all of these, so that whoever comes after them depends on it alone.

    A Stash is nothing but a line in the state. A component would not do: whoever depends on one is made to depend on
    each of its children, and with a thousand apps those lines alone would be a good part of the state.
    """
    return pulumi.Stash(name, input="reached", opts=pulumi.ResourceOptions(parent=parent, depends_on=reached))


def together(first: Resources, *others: pulumi.Resource | Resources) -> Resources:
    """All of them. A resource's name is waited for too, so that a preview, where a chart's objects may be unknown,
    still has the resources in order."""
    waited = [other.urn if isinstance(other, pulumi.Resource) else other for other in others]
    known = [other for other in others if isinstance(other, pulumi.Resource)]

    def flat(found: Sequence[Any]) -> list[pulumi.Resource]:
        lists = [cast("list[pulumi.Resource]", item) for item in found if isinstance(item, list)]
        later = [resource for resources in lists for resource in resources]
        return [*later, *known]

    return pulumi.Output.all(first, *waited).apply(flat)
