"""A stack with so many apps on the lab's public gateway, beside what the lab's own stack declares."""

from __future__ import annotations

from typing import Any

from tests.surroundings import KEY_SET

PERCENT = 5
_TEAM = 10
"""Apps of one namespace."""


def apps(count: int, *, percent: int = PERCENT) -> dict[str, Any]:
    """`apps` of a stack file, each with two versions, a canary, an issuer, browser origins and a limit.

    Args:
        count: How many.
        percent: What the first one's canary gets; that of the others stays.
    """
    return {
        f"bench-{number:04}": {
            "namespace": f"bench-{number // _TEAM:03}",
            "host": f"bench-{number:04}.example.com",
            "gateway": "public",
            "service": {"port": 8080},
            "mcp": {},
            "versions": {"v1": {}, "v2": {}},
            "rollout": {"stable": "v1", "canary": {"version": "v2", "percent": PERCENT if number else percent}},
            "auth": {"issuers": [{"issuer": "https://auth.example.com", "jwks": KEY_SET}]},
            "cors": {"origins": ["https://chatgpt.com"]},
            "rate_limit": {"requests": 600},
        }
        for number in range(count)
    }
