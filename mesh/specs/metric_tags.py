"""Tags of the standard metrics, each with a closed set of values.

Every value is a time series per workload, status and metric, and a header is whatever a client writes into it.
Protocol, response flags, security policy and the apps at both ends are tags already:
https://istio.io/latest/docs/reference/config/metrics/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from chatgpt_mesh.mesh.specs import cel
from chatgpt_mesh.mesh.specs.confidential import header_refusal
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Count, HeaderName, Many, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]*$", max_length=60)]


TagValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+-]*$", max_length=60)]


MOST_VALUES = 50
"""Values of one metric tag. Tags multiply: two of 50 are 2,500 series for each workload, status and metric."""


Metric = Literal[
    "ALL_METRICS", "REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE",
    "GRPC_REQUEST_MESSAGES", "GRPC_RESPONSE_MESSAGES",
]  # fmt: skip


MOST_BUCKETS = 20
"""Bounds of one size tag. Each nests the expression once more, and Envoy refuses what is nested deeper than 32."""


class SizeTagSpec(Spec):
    """The size of a request or answer, as the bucket it falls into."""

    of: Literal["request", "response"]
    """Whose body."""
    buckets: Many[Annotated[Count, Field(ge=1)]]
    """Upper bounds in bytes, ascending, 20 at most. [1024, 65536] gives le_1024, le_65536 and more."""


class MetricTagSpec(Spec):
    """A tag of the standard metrics with a closed set of values.

    Exactly one of header, response_class, size and expression. Protocol, response flags, security policy and the apps
    at both ends are tags already.
    """

    header: HeaderName | None = None
    """Value of a request header, where it is one of `values`."""
    response_class: bool = False
    """success, client_error, server_error or none."""
    size: SizeTagSpec | None = None
    """A bucket."""
    expression: str | None = None
    """CEL that gives text; what is not one of `values` becomes `other`."""
    values: Many[TagValue] = ()
    """All values that header and expression may give, 50 at most."""
    absent: TagValue = "unknown"
    """Value where the header is absent."""
    other: TagValue = "other"
    """Value for everything that is not listed."""
    metrics: Many[Metric] = ("REQUEST_COUNT", "REQUEST_DURATION")
    """Metrics that carry the tag."""


GIVEN = {"refusal": "refusals", "mcp_tool": "tools"}
"""Names of tags that `metrics.refusals` and `metrics.tools` give."""


def problems(path: str, tags: Mapping[str, MetricTagSpec]) -> Iterator[Problem]:
    """Mistakes that types cannot see."""
    for name, tag in tags.items():
        if name in GIVEN:
            yield Problem(
                f"{path}.{name}", f"is the name of what telemetry.metrics.{GIVEN[name]} gives; choose another"
            )
        sources = {n: getattr(tag, n) for n in ("header", "response_class", "size", "expression")}
        given = [n for n, value in sources.items() if value is not None and value is not False]
        if len(given) != 1:
            shown = ", ".join(given) or "none"
            yield Problem(f"{path}.{name}", f"needs exactly one of {', '.join(sources)} (given: {shown})")
        listed = tag.header is not None or tag.expression is not None
        if listed and not tag.values:
            yield Problem(
                f"{path}.{name}.values", "is missing; list the values, since each becomes series that the backend keeps"
            )
        if not listed and tag.values:
            yield Problem(f"{path}.{name}.values", "is for header and expression; the values of this tag are given")
        if len(tag.values) > MOST_VALUES:
            yield Problem(f"{path}.{name}.values", f"has {len(tag.values)} values; at most {MOST_VALUES}")
        if tag.header is not None and (refusal := header_refusal(tag.header)):
            yield Problem(f"{path}.{name}.header", refusal, tag.header)
        if tag.expression is not None and (refusal := cel.syntax_refusal(tag.expression)):
            yield Problem(f"{path}.{name}.expression", refusal, tag.expression)
        if tag.size is not None and (not tag.size.buckets or list(tag.size.buckets) != sorted(set(tag.size.buckets))):
            yield Problem(f"{path}.{name}.size.buckets", "must be bounds in ascending order, each once")
        if tag.size is not None and len(tag.size.buckets) > MOST_BUCKETS:
            yield Problem(f"{path}.{name}.size.buckets", f"has {len(tag.size.buckets)} bounds; at most {MOST_BUCKETS}")
        if not tag.metrics:
            yield Problem(
                f"{path}.{name}.metrics", "is empty, so nothing carries the tag; name metrics or remove the tag"
            )
