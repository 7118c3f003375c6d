"""A stack with so many apps on the lab's public gateway, beside what the lab's own stack declares."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.build_mesh import app

PERCENT = 5
_ISSUER = "https://bench-issuer.example.com"
"""Not the lab's own, whose keys the lab has made."""
_TEAM = 10
"""Apps of one namespace."""


def apps(count: int, *, percent: int = PERCENT) -> dict[str, Any]:
    """`apps` of a stack file, each as `build_mesh.app` has it.

    Args:
        count: How many.
        percent: What the first one's canary gets; that of the others stays.
    """
    return {
        f"bench-{number:04}": app(
            f"bench-{number // _TEAM:03}",
            f"bench-{number:04}.example.com",
            percent=PERCENT if number else percent,
            issuer=_ISSUER,
        )
        for number in range(count)
    }
