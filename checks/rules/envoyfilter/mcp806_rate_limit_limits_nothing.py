"""A rate limit that limits nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.rule import ERROR, Hit, rule
from checks.view.fields import Json, elements, mapping, text, whole

if TYPE_CHECKING:
    from checks.finding import Path
    from checks.rule import Hits
    from checks.view.manifest import Manifest
    from checks.view.mesh import MeshView


@rule(
    "MCP806",
    ERROR,
    "A rate limit that limits nothing",
    symptoms=("a rate limit does not limit",),
    why="""
Envoy's local rate limit is off until `filter_enabled` and `filter_enforced` say otherwise (both default to 0 per
cent), a descriptor needs an action in `rate_limits` that produces its key, and a descriptor by a value that changes
(a subject) needs `max_dynamic_descriptors`. A global limit needs actions, too. The local one counts per proxy: N
gateway replicas allow N times as much.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          stat_prefix: limit
          token_bucket: {max_tokens: 100, tokens_per_fill: 100, fill_interval: 60s}
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          stat_prefix: limit
          filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
          filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
          token_bucket: {max_tokens: 100, tokens_per_fill: 100, fill_interval: 60s}
""",
    sources=("https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter",),
)
def check(mesh: MeshView) -> Hits:
    filters = mesh.istio("EnvoyFilter")
    routes_act = any(_has_actions(patch) for obj in filters for patch in elements(obj.spec, "configPatches"))
    for obj in filters:
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            config = mapping(patch, "patch", "value", "typed_config")
            where = ("spec", "configPatches", position, "patch", "value", "typed_config")
            kind = text(config, "@type").rpartition(".")[2]
            if kind == "LocalRateLimit" and text(patch, "applyTo") == "HTTP_FILTER":
                yield from _local(obj, where, config, routes_act)
            elif kind == "RateLimit" and not elements(config, "rate_limits") and not routes_act:
                yield Hit(obj, where, "has no rate_limits, so no request is counted", "add rate_limits with actions")


def _has_actions(patch: Json) -> bool:
    content = mapping(patch, "patch", "value")
    return text(patch, "applyTo") in ("VIRTUAL_HOST", "HTTP_ROUTE") and (
        "rate_limits" in content or "rate_limits" in mapping(content, "route") or "typed_per_filter_config" in content
    )


def _local(obj: Manifest, where: Path, config: Json, routes_act: bool) -> Hits:
    if not mapping(config, "token_bucket") and routes_act:
        # A filter without bucket only makes room for limits that routes bring.
        return
    for field in ("filter_enabled", "filter_enforced"):
        share = whole(config, field, "default_value", "numerator")
        if not share:
            problem = "is not set, which means 0 %" if share is None else "is 0 %"
            yield Hit(obj, (*where, field), f"{problem}, so the limit does nothing", "write 100 of HUNDRED")
    produced = {key for limit in elements(config, "rate_limits") for key in _keys(limit)}
    for position, descriptor in enumerate(elements(config, "descriptors")):
        wanted = {text(entry, "key") for entry in elements(descriptor, "entries")}
        place = (*where, "descriptors", position)
        if not wanted <= produced and not routes_act:
            missing = ", ".join(sorted(wanted - produced))
            yield Hit(obj, place, f"waits for {missing}, which no action produces", "add rate_limits with that action")
        open_ended = any("value" not in entry for entry in elements(descriptor, "entries"))
        if open_ended and not whole(config, "max_dynamic_descriptors"):
            problem = "is by any value of its key, while max_dynamic_descriptors is not set"
            yield Hit(obj, place, problem, "set max_dynamic_descriptors, such as 10000")


def _keys(limit: Json) -> set[str]:
    """The descriptor keys that the actions of one rate limit produce."""
    found: set[str] = set()
    for action in elements(limit, "actions"):
        for kind, settings in action.items():
            found.add(text(settings, "descriptor_key") or FIXED_KEYS.get(kind, kind))
    return found


FIXED_KEYS = {
    "remote_address": "remote_address",
    "masked_remote_address": "masked_remote_address",
    "generic_key": "generic_key",
    "source_cluster": "source_cluster",
    "destination_cluster": "destination_cluster",
    "header_value_match": "header_match",
}
