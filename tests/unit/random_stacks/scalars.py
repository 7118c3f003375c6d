"""Single values, the ends of their ranges among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Values = dict[str, Any]
Drawn = st.SearchStrategy[Any]

MOST = 2**31 - 1
"""The largest number that Istio and Kubernetes keep."""

LONG_LABEL = "a" + "-long" * 12 + "-z"
"""A DNS label of 63 characters, the most there are."""

PROCESSORS = ("1m", "250m", "1", "2")
MEMORY = ("1Mi", "512Mi", "2Gi", "1G")
NETWORKS = ("10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def one(*values: Any) -> Drawn:
    return st.sampled_from(values)


def _subsets(count: int) -> st.SearchStrategy[int]:
    """A subset of so many things, all of them each third time, as the bits of one number.

    Drawing each by itself takes many times longer.
    """
    return st.integers(-(2**count // 2), 2**count - 1).map(lambda bits: bits if bits >= 0 else -1)


def duration(least: str, most: str, *between: str) -> Drawn:
    """A span of time, with both ends of what is allowed."""
    return one(least, most, *between)


def some(*values: Any, least: int = 0, most: int | None = None) -> Drawn:
    """A list of some of the values, none twice."""
    limit = len(values) if most is None else most

    def chosen(bits: int) -> list[Any]:
        found = [value for index, value in enumerate(values) if bits >> index & 1]
        found += [value for value in values if value not in found][: max(0, least - len(found))]
        return found[-limit:]

    return _subsets(len(values)).map(chosen)


@st.composite
def _spec(draw: st.DrawFn, required: Mapping[str, Drawn], optional: Mapping[str, Drawn]) -> Values:
    found = {name: draw(strategy) for name, strategy in required.items()}
    bits = draw(_subsets(len(optional))) if optional else 0
    return found | {name: draw(s) for index, (name, s) in enumerate(optional.items()) if bits >> index & 1}


def spec(required: Mapping[str, Drawn] | None = None, /, **optional: Drawn) -> Drawn:
    """A mapping with the required keys and any of the others; a trailing `_` of a name is left out."""
    return _spec(dict(required or {}), {name.removesuffix("_"): strategy for name, strategy in optional.items()})


def always(**required: Drawn) -> Mapping[str, Drawn]:
    """The required part of a spec."""
    return {name.removesuffix("_"): strategy for name, strategy in required.items()}


def named(names: Sequence[str], entry: Drawn, *, least: int = 0, most: int = 2) -> Drawn:
    """A mapping of some of the names to entries."""
    return st.dictionaries(st.sampled_from(names), entry, min_size=least, max_size=most)


truth = st.booleans()
port = one(1, 80, 443, 8080, 65535)
labels = one({}, {"tier": "web"}, {"app.kubernetes.io/part-of": "shop", "tier": ""})
