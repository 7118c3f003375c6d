"""Pools, ejection and load balancing of apps, and the subsets that become versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing.draft import Subset, Workload
from chatgpt_mesh.importing.gateways import NETWORKING
from chatgpt_mesh.importing.source import Source, as_list, as_mapping, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.importing.draft import Draft
    from chatgpt_mesh.importing.source import Path

_POOL: Mapping[tuple[str, ...], str] = {
    ("connectionPool", "tcp", "maxConnections"): "connections",
    ("connectionPool", "tcp", "connectTimeout"): "connect_timeout",
    ("connectionPool", "http", "http1MaxPendingRequests"): "pending",
    ("connectionPool", "http", "http2MaxRequests"): "open_streams",
    ("connectionPool", "http", "maxRequestsPerConnection"): "requests_per_connection",
    ("connectionPool", "http", "idleTimeout"): "idle_timeout",
}

_KEEPALIVE = ("connectionPool", "tcp", "tcpKeepalive")

_OUTLIER: Mapping[tuple[str, ...], str] = {
    ("outlierDetection", "consecutiveGatewayErrors"): "consecutive_gateway_errors",
    ("outlierDetection", "consecutive5xxErrors"): "consecutive_5xx",
    ("outlierDetection", "interval"): "interval",
    ("outlierDetection", "baseEjectionTime"): "base_ejection",
    ("outlierDetection", "maxEjectionPercent"): "max_ejected_percent",
    ("outlierDetection", "minHealthPercent"): "min_health_percent",
    ("outlierDetection", "splitExternalLocalOriginErrors"): "split_local_errors",
}

_ALGORITHMS = {
    "ROUND_ROBIN": "round_robin",
    "LEAST_REQUEST": "least_request",
    "LEAST_CONN": "least_request",
    "RANDOM": "random",
}

_HASH: Mapping[tuple[str, ...], str] = {
    ("httpHeaderName",): "header",
    ("httpCookie", "name"): "cookie",
    ("httpCookie", "ttl"): "cookie_ttl",
    ("useSourceIp",): "source_ip",
    ("httpQueryParameterName",): "query",
}


def read(draft: Draft) -> None:
    """What holds for all pods of an app; subsets wait for a route that leads to them."""
    firsts: dict[str, Source] = {}
    for source in draft.of_kind("DestinationRule", NETWORKING):
        workload = draft.workload_of(str(source.spec.get("host", "")), source.namespace)
        if workload is None:
            continue
        app = workload.app
        other = firsts.setdefault(app, source)
        if other is not source:
            source.say((), f"{other.key} is for the same host, and an app has one rule; its settings hold")
            continue
        source.carry(("spec", "host"), f"apps.{app}.service")
        if "trafficPolicy" in source.spec:
            _app_policy(draft, source, app)
        draft.subsets[app] = {}
        for index, subset in enumerate(as_list(source.spec.get("subsets"))):
            name = str(as_mapping(subset).get("name", ""))
            draft.subsets[app][name] = _subset(source, ("spec", "subsets", index), workload)


def finish(draft: Draft) -> None:
    """Carry the subsets that became versions, and tell the others."""
    for app, subsets in draft.subsets.items():
        for name, subset in subsets.items():
            if not subset.used:
                subset.source.say(
                    subset.path,
                    "no route leads to this subset; versions are declared with a rollout that divides traffic between "
                    "them",
                )
                continue
            to = f"apps.{app}.versions.{name}"
            for path, setting in subset.fields.items():
                subset.source.carry(path, f"{to}.{setting}" if setting else to)
    for app, declared in draft.apps.items():
        if "versions" in declared and "rollout" not in declared:
            draft.drop(f"apps.{app}.versions", "no route says which version serves everybody else, so there is none")


def _app_policy(draft: Draft, source: Source, app: str) -> None:
    found, fields = _policy(source, ("spec", "trafficPolicy"))
    declared = draft.apps[app]
    if "load_balancing" in found:
        declared["load_balancing"] = found.pop("load_balancing")
    if found:
        declared.setdefault("resilience", {}).update(found)
    for path, setting in fields.items():
        below = setting if setting.startswith("load_balancing") else f"resilience.{setting}"
        source.carry(path, f"apps.{app}.{below}")
    if as_mapping(as_mapping(source.spec["trafficPolicy"]).get("tls")).get("mode") == "ISTIO_MUTUAL":
        source.carry(("spec", "trafficPolicy", "tls", "mode"), "security.mtls")


def _subset(source: Source, at: Path, workload: Workload) -> Subset:
    subset = as_mapping(source.at(at))
    labels = texts(subset.get("labels"))
    further = {key: value for key, value in labels.items() if workload.labels.get(key) != value}
    name = str(subset.get("name", ""))
    declared, fields = _policy(source, (*at, "trafficPolicy")) if "trafficPolicy" in subset else ({}, {})
    if further != {"version": name}:
        declared["labels"] = further
    fields |= {(*at, "name"): "", (*at, "labels"): "labels" if "labels" in declared else ""}
    return Subset(source, at, declared, fields)


def _policy(source: Source, at: Path) -> tuple[dict[str, Any], dict[Path, str]]:
    """Settings of a trafficPolicy below an app's resilience or a version, and the fields that they say."""
    declared: dict[str, Any] = {}
    fields: dict[Path, str] = {}
    policy = as_mapping(source.at(at))
    for name, table in (("pool", _POOL), ("outlier", _OUTLIER)):
        for path, setting in table.items():
            if (value := _below(policy, path)) is not None:
                declared.setdefault(name, {})[setting] = value
                fields[(*at, *path)] = f"{name}.{setting}"
    keepalive = as_mapping(_below(policy, _KEEPALIVE))
    if {"time", "interval", "probes"} <= set(keepalive):
        declared.setdefault("pool", {})["keepalive"] = {key: keepalive[key] for key in ("time", "interval", "probes")}
        fields |= {(*at, *_KEEPALIVE, key): f"pool.keepalive.{key}" for key in ("time", "interval", "probes")}
    upgrade = ("connectionPool", "http", "h2UpgradePolicy")
    if _below(policy, upgrade) == "UPGRADE":
        declared.setdefault("pool", {})["http2"] = True
        fields[(*at, *upgrade)] = "pool.http2"
    _outlier_counts(source, at, declared, fields)
    balancing, said = _balancing(policy, at)
    if balancing:
        declared["load_balancing"] = balancing
    return declared, fields | said


def _outlier_counts(source: Source, at: Path, declared: dict[str, Any], fields: dict[Path, str]) -> None:
    """Istio counts 5xx where nothing is said, five of them; a declaration counts what is said."""
    outlier = declared.get("outlier")
    if outlier is None:
        return
    any_5xx = outlier.setdefault("consecutive_5xx", 5)
    if "consecutive_gateway_errors" not in outlier:
        outlier["consecutive_gateway_errors"] = 0
    elif outlier["consecutive_gateway_errors"] >= any_5xx > 0:
        path = (*at, "outlierDetection", "consecutiveGatewayErrors")
        outlier["consecutive_gateway_errors"] = 0
        del fields[path]
        source.say(path, f"has no effect: consecutive5xxErrors counts the same answers and ejects at {any_5xx}")


def _balancing(policy: Mapping[str, Any], at: Path) -> tuple[dict[str, Any], dict[Path, str]]:
    declared: dict[str, Any] = {}
    fields: dict[Path, str] = {}
    simple = _below(policy, ("loadBalancer", "simple"))
    if simple in _ALGORITHMS:
        declared["algorithm"] = _ALGORITHMS[simple]
        fields[(*at, "loadBalancer", "simple")] = "load_balancing.algorithm"
    consistent = as_mapping(_below(policy, ("loadBalancer", "consistentHash")))
    for path, setting in _HASH.items():
        value = _below(consistent, path)
        if value is None or (setting == "cookie_ttl" and str(value) == "0s"):
            continue
        declared.setdefault("hash", {})[setting] = value.lower() if setting == "header" else value
        fields[(*at, "loadBalancer", "consistentHash", *path)] = f"load_balancing.hash.{setting}"
    return declared, fields


def _below(value: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = value
    for step in path:
        found = as_mapping(found).get(step)
    return found
