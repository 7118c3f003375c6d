"""The collector of cycles, in a program whose values stay until it ends."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """At its own pace the collector walks everything that is registered again and again, a third of the time."""
    gc.set_threshold(50_000, 20, 100)
