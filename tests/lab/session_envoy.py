"""An Envoy on loopback with the routes of a rendered VirtualService and the script that keeps sessions; no cluster.

Only what those routes use is translated: exact paths, methods, headers, weights, answers, changes of headers. Pods are
addresses of this machine.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.images import envoy_program
from lab.workloads.request import Request, send

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_TYPES = "type.googleapis.com/envoy.extensions.filters"


@contextlib.contextmanager
def envoy(http: Sequence[Any], script: str, pods: Mapping[str, Sequence[str]], directory: Path) -> Iterator[str]:
    """The base URL of an Envoy. `pods`: base URLs by subset."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = directory / "bootstrap.json"
    path.write_text(json.dumps(_bootstrap(http, script, pods, port)), encoding="utf-8")
    command = [str(envoy_program()), "--config-path", str(path), "--disable-hot-restart", "--concurrency", "1"]
    with (directory / "envoy.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen([*command, "--log-level", "warn"], stdout=log, stderr=log)
    try:
        base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while send(Request(url=f"{base}/", timeout=1)).status == 0:
            assert time.monotonic() < deadline, (directory / "envoy.log").read_text(encoding="utf-8")
            time.sleep(0.1)
        yield base
        assert "script log" not in (said := (directory / "envoy.log").read_text(encoding="utf-8")), said
    finally:
        process.terminate()
        process.wait(10)


def cluster_name(subset: str) -> str:
    """As istiod names it, since the script reads the subset from there."""
    return f"outbound|8080|{subset}|chatgpt-mcp.chatgpt-production.svc.cluster.local"


def _bootstrap(http: Sequence[Any], script: str, pods: Mapping[str, Sequence[str]], port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "sessions",
        "http_filters": [
            {
                "name": "lua",
                "typed_config": {
                    "@type": f"{_TYPES}.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": script},
                },
            },
            {"name": "router", "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [one for route in http for one in _routes(route)]}
            ]
        },
    }
    listener = {
        "name": "clients",
        "address": _address("127.0.0.1", port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [_cluster(subset, bases) for subset, bases in pods.items()]
    return {"static_resources": {"clusters": clusters, "listeners": [listener]}}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _cluster(subset: str, bases: Sequence[str]) -> dict[str, Any]:
    urls = [urlsplit(base) for base in bases]
    endpoints = [{"endpoint": {"address": _address(url.hostname or "", url.port or 80)}} for url in urls]
    name = cluster_name(subset)
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _routes(route: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    changes = route.get("headers", {})
    common: dict[str, Any] = {
        "name": route["name"],
        "request_headers_to_add": _added(changes.get("request", {})),
        "response_headers_to_add": _added(changes.get("response", {})),
    }
    if "directResponse" in route:
        body = route["directResponse"].get("body", {}).get("string", "")
        common["direct_response"] = {"status": route["directResponse"]["status"], "body": {"inline_string": body}}
    else:
        shares = [
            {"name": cluster_name(to["destination"].get("subset", "")), "weight": to.get("weight", 100)}
            for to in route["route"]
        ]
        common["route"] = {"weighted_clusters": {"clusters": shares}, "timeout": "0s"}
    for match in route["match"]:
        headers = {**match.get("headers", {}), **({":method": match["method"]} if "method" in match else {})}
        yield {
            **common,
            "match": {"path": match["uri"]["exact"], "headers": [_header(*one) for one in headers.items()]},
        }


def _added(changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for name, value in changes.get("set", {}).items()
    ]


def _header(name: str, match: Mapping[str, str]) -> dict[str, Any]:
    if "exact" in match:
        return {"name": name, "string_match": {"exact": match["exact"]}}
    if "regex" in match:
        return {"name": name, "string_match": {"safe_regex": {"regex": match["regex"]}}}
    return {"name": name, "present_match": True}
