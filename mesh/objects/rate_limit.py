"""Limits per subject of a verified token, per address or per app, counted by each gateway replica or by the rate limit
service.

Istio has no API for limits. Both kinds are one Envoy filter per gateway with its own `rate_limits`, so nothing hangs on
Istio's internal names for virtual hosts. Sources:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter and
https://github.com/envoyproxy/ratelimit
"""

from __future__ import annotations

import json
import math
from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

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
from chatgpt_mesh.mesh.objects.mcp_path import path_pattern
from chatgpt_mesh.mesh.objects.owned import Manifest, Owned
from chatgpt_mesh.mesh.objects.parts import envoy_filters, parts
from chatgpt_mesh.mesh.objects.rate_limit_descriptors import Bucket, Limited, actions, buckets
from chatgpt_mesh.mesh.objects.response_headers import added
from chatgpt_mesh.mesh.specs.rate_limit import UNITS, RateLimitServiceSpec, RateLimitSpec
from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.istio_api.networking import EnvoyFilter_EnvoyConfigObjectPatch
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def local_share(requests: int, limit: RateLimitSpec, gateway: GatewaySpec) -> int:
    """Of so many requests, those that one replica lets pass in a window."""
    replicas = gateway.least_replicas if limit.counted == "gateway" else 1
    return math.ceil(requests / replicas)


def _descriptor(bucket: Bucket, limit: RateLimitSpec, gateway: GatewaySpec) -> dict[str, Any]:
    share = local_share(bucket.requests, limit, gateway)
    # An entry without a value stands for every value: each subject gets a bucket of its own when it first comes.
    return {
        "entries": [{"key": key} if value is None else {"key": key, "value": value} for key, value in bucket.entries],
        "token_bucket": {"max_tokens": share, "tokens_per_fill": share, "fill_interval": duration_text(limit.every)},
    }


class _Filter(NamedTuple):
    """An HTTP filter of Envoy's that counts."""

    name: str
    message: str
    fields: Mapping[str, Any]
    """What it has beside its limits."""
    counted: Callable[[Iterable[Limited]], dict[str, Any]]
    """What it has for these limits: fields that are lists."""

    def patches(self, limited: Iterable[Limited]) -> Iterator[EnvoyFilter_EnvoyConfigObjectPatch]:
        """The filter, and what is merged into it by objects of their own; nothing without a limit."""
        for number, part in enumerate(parts(limited, written=lambda one: self.counted([one])), start=1):
            counted = self.counted([one._replace(part=number) for one in part])
            if number == 1:
                yield envoy_patches.before_router(self.name, self.message, {**self.fields, **counted})
            else:
                yield envoy_patches.into_filter(self.name, self.message, counted)


def _local_filter(gateway: GatewaySpec) -> _Filter:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    fields = {
        "stat_prefix": "per_subject",
        "filter_enabled": always,
        "filter_enforced": always,
        # No bucket of the filter itself: it would stamp its own x-ratelimit headers on whatever no descriptor limits.
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        # Subjects that a replica remembers at a time; the least recently seen is forgotten first.
        "max_dynamic_descriptors": 10000,
    }

    def counted(limited: Iterable[Limited]) -> dict[str, Any]:
        descriptors = [_descriptor(bucket, one.limit, gateway) for one in limited for bucket in buckets(one)]
        return {**_asked(limited), "descriptors": descriptors}

    message = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    return _Filter("envoy.filters.http.local_ratelimit", message, fields, counted)


def _global_filter(service: RateLimitServiceSpec) -> _Filter:
    fields = {
        "domain": DOMAIN,
        "failure_mode_deny": service.deny_when_down,
        "timeout": duration_text(service.timeout),
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": f"outbound|{service.port}||{service.host}", "authority": service.host}
            },
        },
    }
    message = "envoy.extensions.filters.http.ratelimit.v3.RateLimit"
    return _Filter("envoy.filters.http.ratelimit", message, fields, _asked)


def _asked(limited: Iterable[Limited]) -> dict[str, Any]:
    return {"rate_limits": [action for one in limited for action in actions(one)]}


def limited_at(graph: Graph, gateway: GatewaySpec) -> Iterator[Limited]:
    """The limits of the apps that a gateway serves."""
    for app in graph.apps.values():
        hosts = tuple(exposure.host for exposure in app.served if exposure.gateway == gateway.name)
        if hosts:
            for name, _, limit in app.limits:
                yield Limited(name, limit, hosts, None if app.mcp is None else path_pattern(app.mcp))


LONGEST_WAIT = timedelta(seconds=60)
"""After which a client may look again at a window of the service, which may be a day and end any moment; its end is in
x-ratelimit-reset."""


def limited_answers(graph: Graph, gateway: GatewaySpec) -> Iterator[dict[str, Any]]:
    """`retry-after` on the gateway's own 429. For Envoy's filters it is the same on every answer, so it is the wait of
    the app's slowest general limit; a tool's may be longer."""
    waits: dict[tuple[str, ...], int] = {}
    for one in limited_at(graph, gateway):
        waits[one.hosts] = max(_wait(one.limit, gateway), waits.get(one.hosts, 1))
    headers = {host: added(app.response_headers) for app in graph.apps.values() for host, *_ in app.served}
    for hosts, wait in waits.items():
        # The first mapper that takes an answer is the only one, so the headers of every answer are here as well.
        further = headers[hosts[0]]
        yield envoy_patches.local_reply(
            429, envoy_patches.host_pattern(hosts), {"retry-after": str(wait)}, further=further
        )


def _wait(limit: RateLimitSpec, gateway: GatewaySpec) -> int:
    """Seconds until one more request may pass, in the lowest tier."""
    if limit.counted == "global":
        return math.ceil(min(limit.every, LONGEST_WAIT).total_seconds())
    lowest = min((limit.requests, *(limit.tiers.requests.values() if limit.tiers else ())))
    return math.ceil(limit.every.total_seconds() / local_share(lowest, limit, gateway))


REFERENCED_SERVICES = "envoyfilter.istio.io/referenced-services"
"""Annotation of an EnvoyFilter; without it the gateway has no cluster for the service, and every request passes."""

DOMAIN = "chatgpt-mesh"
"""Name under which the rate limit service keeps this mesh's limits."""


def gateway_objects(graph: Graph) -> Iterator[Owned]:
    """Per gateway: the filters that count, in as many objects as its limits need; and what their service needs."""
    service = graph.rate_limit_service
    for gateway in graph.gateways.values():
        limited = list(limited_at(graph, gateway))
        by_filter = [_local_filter(gateway).patches(one for one in limited if one.limit.counted != "global")]
        asked: dict[str, str] = {}
        if service is not None:
            exact = [one for one in limited if one.limit.counted == "global"]
            by_filter.append(_global_filter(service).patches(exact))
            # A gateway knows the Services that its routes lead to, and of others those that a filter says it needs.
            asked = {REFERENCED_SERVICES: service.host} if exact else {}
        divided = (filter(None, patches) for patches in zip_longest(*by_filter))
        yield from envoy_filters(gateway, f"{gateway.name}-rate-limits", divided, asked)
    yield from _service_objects(graph)


def _service_objects(graph: Graph) -> Iterator[Owned]:
    """What the rate limit service reads, and who may ask it."""
    service = graph.rate_limit_service
    limited = [
        (app, Limited(name, limit, (), None))
        for app in graph.apps.values()
        for name, _, limit in app.limits
        if limit.counted == "global"
    ]
    if service is None or not (limited or service.deployment):
        return
    owner = "rate_limit_service"
    descriptors = _tree([(bucket.entries, _rate(one.limit, bucket)) for _, one in limited for bucket in buckets(one)])
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
    if not limited:
        return
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


def _rate(limit: RateLimitSpec, bucket: Bucket) -> dict[str, Any]:
    return {"unit": UNITS[int(limit.every.total_seconds())], "requests_per_unit": bucket.requests}


def _tree(leaves: Sequence[tuple[Sequence[tuple[str, str | None]], dict[str, Any]]]) -> list[dict[str, Any]]:
    """Descriptors as the rate limit service reads them: each entry below the one before it."""
    below: dict[tuple[str, str | None], list[tuple[Sequence[tuple[str, str | None]], dict[str, Any]]]] = {}
    for (first, *rest), rate in leaves:
        below.setdefault(first, []).append((rest, rate))
    found: list[dict[str, Any]] = []
    for (key, value), deeper in below.items():
        one: dict[str, Any] = {"key": key} if value is None else {"key": key, "value": value}
        found.append(one)
        for rest, rate in deeper:
            if not rest:
                one["rate_limit"] = rate
        if further := [leaf for leaf in deeper if leaf[0]]:
            one["descriptors"] = _tree(further)
    return found
