"""Single values, the ends of their ranges among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Values = dict[str, Any]
Drawn = st.SearchStrategy[Any]

LONG_LABEL = "a" + "-long" * 12 + "-z"
"""A DNS label of 63 characters, the most there are."""

DURATIONS = ("1ms", "0.25s", "30s", "10m", "2h")
QUANTITIES = ("250m", "1", "2Gi", "512Mi")
NETWORKS = ("10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def one(*values: Any) -> Drawn:
    return st.sampled_from(values)


def some(*values: Any, least: int = 0, most: int | None = None) -> Drawn:
    """A list of some of the values, in any order, none twice."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=most or len(values), unique_by=repr)


def spec(required: Mapping[str, Drawn] | None = None, **optional: Drawn) -> Drawn:
    """A mapping with the required keys and any of the others; a trailing `_` of a name is left out."""
    given = {name.removesuffix("_"): strategy for name, strategy in optional.items()}
    return st.fixed_dictionaries(dict(required or {}), optional=given)


def always(**required: Drawn) -> Mapping[str, Drawn]:
    """The required part of a spec."""
    return {name.removesuffix("_"): strategy for name, strategy in required.items()}


def named(names: Sequence[str], entry: Drawn, *, least: int = 0, most: int = 2) -> Drawn:
    """A mapping of some of the names to entries."""
    return st.dictionaries(st.sampled_from(names), entry, min_size=least, max_size=most)


duration = one(*DURATIONS)
quantity = one(*QUANTITIES)
truth = st.booleans()
port = one(1, 80, 443, 8080, 65535)
labels = one({}, {"tier": "web"}, {"app.kubernetes.io/part-of": "shop", "tier": ""})
