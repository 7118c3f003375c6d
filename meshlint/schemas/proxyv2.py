"""What Istio's own build of Envoy has: its extensions, by the names that configuration calls them by.

The names beside it are those of the public repository istio/proxy and of no other Envoy: an upstream Envoy has more,
and a configuration that names one of those is refused by every proxy of a mesh.
"""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def extensions() -> frozenset[str]:
    """Names such as `envoy.filters.http.router`, Istio's own (`istio.stats`) included."""
    text = (Path(__file__).parent / "proxyv2_extensions.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
