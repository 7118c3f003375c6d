"""A stack of any number of apps in ten namespaces, with hosts, versions, calls, egress and an exception."""

from __future__ import annotations

import random
from typing import Any

import yaml

from chatgpt_mesh.istio_api.version import RELEASE

TEAMS = ("analytics", "catalog", "checkout", "identity", "inventory", "notifications", "payments", "search")
WORDS = ("orders", "pricing", "ranking", "ledger", "session", "mailer", "metrics", "tickets", "stock", "similar")


def stack_of(count: int) -> str:
    drawn = random.Random(7)  # noqa: S311 - which apps call each other
    names = [f"{TEAMS[i % len(TEAMS)]}-{WORDS[i // len(TEAMS) % len(WORDS)]}-{i}" for i in range(count)]
    apps = {name: _app(index, name, names, drawn) for index, name in enumerate(names)}
    way_out = [
        {"host": f"api.partner{i}.example.net", "from": [names[i * 7 % count]]} for i in range(max(2, count // 5))
    ]
    first = {"workload": names[1], "namespace": f"{TEAMS[1]}-production", "port": 9090, "until": "2027-03-31"}
    config: dict[str, Any] = {
        "cluster": {"kind": "existing", "context": "test", "kubeconfig": "/nowhere"},
        "istio": {"version": RELEASE},
        "gateways": {
            "public": {"kind": "public", "listeners": {"web": {"hosts": ["*.example.com"], "tls": {"secret": "edge"}}}},
            "out": {"kind": "egress"},
        },
        "egress": {"allow": way_out},
        "security": {"exceptions": [first | {"why": "an old client (platform)", "from_networks": ["10.0.0.0/16"]}]},
        "apps": apps,
    }
    return yaml.safe_dump(
        {"config": {f"chatgpt-mesh:{name}": value for name, value in config.items()}}, sort_keys=False
    )


def _app(index: int, name: str, names: list[str], drawn: random.Random) -> dict[str, Any]:
    app: dict[str, Any] = {"namespace": f"{name.partition('-')[0]}-production", "service": {"port": 8080}}
    if index % 3 == 0:
        issuer = {"issuer": "https://auth.example.com", "jwks_uri": "https://auth.example.com/keys"}
        app |= {"host": f"{name}.example.com", "gateway": "public", "mcp": {}, "auth": {"issuers": [issuer]}}
    else:
        app["routes"] = [{"prefix": f"/{name}/", "methods": ["GET", "POST"]}]
    if index % 4 == 0:
        app["versions"] = {"v1": {}, "v2": {}}
        app["rollout"] = {"stable": "v1", "canary": {"version": "v2", "percent": index * 7 % 60 + 1}}
    others = [other for other in names if other != name]
    app["callers"] = [{"app": other} for other in drawn.sample(others, min(len(others), drawn.randint(0, 3)))]
    return app
