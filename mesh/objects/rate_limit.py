"""Limits per subject of a verified token, counted by each gateway replica or by the rate limit service.

Istio has no API for limits. Both kinds are one Envoy filter per gateway with its own `rate_limits`, so nothing hangs on
Istio's internal names for virtual hosts. Sources:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter and
https://github.com/envoyproxy/ratelimit
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    Operation,
    Rule,
    Rule_From,
    Rule_To,
    Source,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.owned import Manifest, Owned
from chatgpt_mesh.mesh.specs.rate_limit import UNITS, RateLimitServiceSpec, RateLimitSpec
from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.istio_api.networking import EnvoyFilter_EnvoyConfigObjectPatch
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def _actions(name: str, limit: RateLimitSpec, hosts: list[str]) -> dict[str, Any]:
    """The descriptor of a request: the app by its host, then issuer and subject. Without a verified token there is
    none."""
    # The app sees one host in any spelling, so the limit must, too.
    host = rf"(?i)({'|'.join(re.escape(host) for host in hosts)})(:[0-9]+)?"
    actions: list[dict[str, Any]] = [
        {
            "header_value_match": {
                "descriptor_key": "app",
                "descriptor_value": name,
                "headers": [{"name": ":authority", "string_match": {"safe_regex": {"regex": host}}}],
            }
        }
    ]
    if limit.per == "subject":
        actions += [
            {
                "metadata": {
                    "descriptor_key": claim,
                    "source": "DYNAMIC",
                    "metadata_key": {"key": envoy_patches.JWT_METADATA, "path": envoy_patches.claim_path(claim)},
                }
            }
            for claim in ("iss", "sub")
        ]
    return {"actions": actions}


def local_share(limit: RateLimitSpec, gateway: GatewaySpec) -> int:
    """Requests that one replica lets pass in a window."""
    replicas = gateway.least_replicas if limit.counted == "gateway" else 1
    return math.ceil(limit.requests / replicas)


def _descriptor(name: str, limit: RateLimitSpec, gateway: GatewaySpec) -> dict[str, Any]:
    share = local_share(limit, gateway)
    # An entry without a value stands for every value: each subject gets a bucket of its own when it first comes.
    entries: list[dict[str, str]] = [{"key": "app", "value": name}]
    entries += [{"key": "iss"}, {"key": "sub"}] if limit.per == "subject" else []
    return {
        "entries": entries,
        "token_bucket": {"max_tokens": share, "tokens_per_fill": share, "fill_interval": duration_text(limit.every)},
    }


def _local_filter(gateway: GatewaySpec, limited: list[tuple[str, RateLimitSpec, list[str]]]) -> dict[str, Any]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "stat_prefix": "per_subject",
        "filter_enabled": always,
        "filter_enforced": always,
        # No bucket of the filter itself: it would stamp its own x-ratelimit headers on whatever no descriptor limits.
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        # Subjects that a replica remembers at a time; the least recently seen is forgotten first.
        "max_dynamic_descriptors": 10000,
        "rate_limits": [_actions(name, limit, hosts) for name, limit, hosts in limited],
        "descriptors": [_descriptor(name, limit, gateway) for name, limit, _ in limited],
    }


def _global_filter(
    service: RateLimitServiceSpec, domain: str, limited: list[tuple[str, RateLimitSpec, list[str]]]
) -> dict[str, Any]:
    return {
        "domain": domain,
        "failure_mode_deny": service.deny_when_down,
        "timeout": duration_text(service.timeout),
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limits": [_actions(name, limit, hosts) for name, limit, hosts in limited],
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": f"outbound|{service.port}||{service.host}", "authority": service.host}
            },
        },
    }


DOMAIN = "chatgpt-mesh"
"""Name under which the rate limit service keeps this mesh's limits."""


def gateway_objects(graph: Graph) -> Iterator[Owned]:
    service = graph.rate_limit_service
    for gateway in graph.gateways.values():
        limited: list[tuple[str, RateLimitSpec, list[str]]] = []
        for app in graph.apps.values():
            hosts = [exposure.host for exposure in app.served if exposure.gateway == gateway.name]
            if app.rate_limit is not None and hosts:
                limited.append((app.name, app.rate_limit, hosts))
        local = [entry for entry in limited if entry[1].counted != "global"]
        exact = [entry for entry in limited if entry[1].counted == "global"]
        patches: list[EnvoyFilter_EnvoyConfigObjectPatch] = []
        if local:
            message = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
            patches.append(
                envoy_patches.before_router(
                    "envoy.filters.http.local_ratelimit", message, _local_filter(gateway, local)
                )
            )
        if exact and service is not None:
            message = "envoy.extensions.filters.http.ratelimit.v3.RateLimit"
            patches.append(
                envoy_patches.before_router(
                    "envoy.filters.http.ratelimit", message, _global_filter(service, DOMAIN, exact)
                )
            )
        if patches:
            metadata = ObjectMeta(name=f"{gateway.name}-rate-limits", namespace=gateway.home)
            yield Owned(
                Resource(metadata=metadata, spec=envoy_patches.envoy_filter(patches, gateway.pod_labels)),
                gateway.declared_at,
            )
    yield from _service_objects(graph)


def _service_objects(graph: Graph) -> Iterator[Owned]:
    """What the rate limit service reads, and who may ask it."""
    service = graph.rate_limit_service
    limited = [
        (app, app.rate_limit)
        for app in graph.apps.values()
        if app.rate_limit is not None and app.rate_limit.counted == "global"
    ]
    if service is None or not limited:
        return
    owner = "rate_limit_service"
    descriptors = [_service_descriptor(app.name, limit) for app, limit in limited]
    # JSON is YAML, and has no second way to write a thing.
    text = json.dumps({"domain": DOMAIN, "descriptors": descriptors}, indent=2)
    yield Owned(
        Manifest(
            api_version="v1",
            kind="ConfigMap",
            metadata=ObjectMeta(name=f"{service.service}-limits", namespace=service.namespace),
            body={"data": {"config.yaml": text + "\n"}},
        ),
        owner,
    )
    gateways = sorted({exposure.gateway for app, _ in limited for exposure in app.served})
    policy = AuthorizationPolicy(
        selector=WorkloadSelector(match_labels=service.labels),
        action=AuthorizationPolicy_Action.ALLOW,
        rules=[
            Rule(
                from_=[
                    Rule_From(
                        source=Source(
                            principals=[
                                graph.principal(graph.gateway_identity(graph.gateways[name])) for name in gateways
                            ]
                        )
                    )
                ],
                to=[Rule_To(operation=Operation(ports=[str(service.port)]))],
            )
        ],
    )
    yield Owned(
        Resource(metadata=ObjectMeta(name=f"{service.service}-callers", namespace=service.namespace), spec=policy),
        owner,
    )


def _service_descriptor(name: str, limit: RateLimitSpec) -> dict[str, Any]:
    rate = {"rate_limit": {"unit": UNITS[int(limit.every.total_seconds())], "requests_per_unit": limit.requests}}
    if limit.per == "app":
        return {"key": "app", "value": name, **rate}
    return {"key": "app", "value": name, "descriptors": [{"key": "iss", "descriptors": [{"key": "sub", **rate}]}]}
