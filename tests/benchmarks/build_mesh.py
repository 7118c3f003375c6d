"""CPU time to build a mesh, by number of apps: `python -m tests.benchmarks.build_mesh [COUNT...]`.

Each app has two versions, a canary, an issuer, browser origins, a caller and a limit. docs/performance.md has the
figures.
"""

from __future__ import annotations

import sys
import time
from datetime import date
from typing import Any

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from tests.surroundings import KEY_SET

TODAY = date(2026, 11, 24)


def app(namespace: str, host: str, *, percent: int = 5, issuer: str = "https://auth.example.com") -> dict[str, Any]:
    """One with two versions, a canary, an issuer, browser origins and a limit, as in a stack file."""
    return {
        "namespace": namespace,
        "host": host,
        "gateway": "public",
        "service": {"port": 8080},
        "mcp": {},
        "versions": {"v1": {}, "v2": {}},
        "rollout": {"stable": "v1", "canary": {"version": "v2", "percent": percent}},
        "auth": {"issuers": [{"issuer": issuer, "jwks": KEY_SET}]},
        "cors": {"origins": ["https://chatgpt.com"]},
        "rate_limit": {"requests": 600},
    }


def declaration(count: int) -> dict[str, Any]:
    apps = {
        f"app-{index}": {
            **app(f"team-{index // 10}", f"app-{index}.apps.example.com"),
            "callers": [{"app": f"app-{(index + 1) % count}"}],
        }
        for index in range(count)
    }
    listener = {"hosts": ["*.apps.example.com"], "tls": {"secret": "edge"}}
    return {"gateways": {"public": {"kind": "public", "listeners": {"https": listener}}}, "apps": apps}


def main() -> None:
    print(f"{'apps':>6} {'objects':>8} {'parse s':>8} {'build s':>8} {'ms per app':>11}")
    for count in [int(given) for given in sys.argv[1:]] or [10, 100, 1000]:
        data = declaration(count)
        started = time.process_time()
        spec = MeshSpec.model_validate(data)
        parsed = time.process_time()
        mesh = Mesh(spec, TODAY)
        built = time.process_time()
        each = (built - parsed) / count * 1000
        print(f"{count:>6} {len(mesh.objects):>8} {parsed - started:>8.3f} {built - parsed:>8.3f} {each:>11.2f}")


if __name__ == "__main__":
    main()
