"""A rate limit that limits nothing."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.envoy_filters import FILTERS
from meshlint.view.fields import Json, elements, mapping, text, whole
from meshlint.view.strings import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


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
    others = len(filters) > 1 or mesh.environment.whole_mesh
    for obj in filters:
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            config = mapping(patch, "patch", "value", "typed_config")
            where = ("spec", "configPatches", position, "patch", "value", "typed_config")
            kind = text(config, "@type").rpartition(".")[2]
            if kind == "LocalRateLimit" and text(patch, "applyTo") == "HTTP_FILTER":
                together = _merged(obj, config, filters)
                yield from _local(obj, where, config, together, routes_act, others, adds=_adds(patch))
                yield from _order(obj, ("spec", "configPatches", position), patch, config)
            elif kind == "RateLimit" and not elements(config, "rate_limits") and not routes_act and not others:
                yield Unseen(obj, "other EnvoyFilter that may bring rate_limits to routes")
            elif kind == "RateLimit" and not elements(config, "rate_limits") and not routes_act:
                yield Hit(obj, where, "has no rate_limits, so no request is counted", "add rate_limits with actions")


def _has_actions(patch: Json) -> bool:
    content = mapping(patch, "patch", "value")
    return text(patch, "applyTo") in ("VIRTUAL_HOST", "HTTP_ROUTE") and (
        "rate_limits" in content or "rate_limits" in mapping(content, "route") or "typed_per_filter_config" in content
    )


def _adds(patch: Json) -> bool:
    """Whether it only adds to a local limit that another patch inserts."""
    kind = text(patch, "patch", "value", "typed_config", "@type").rpartition(".")[2]
    return kind == "LocalRateLimit" and text(patch, "patch", "operation") == "MERGE"


def _merged(obj: Manifest, config: Json, filters: Sequence[Manifest]) -> list[Json]:
    """The configurations that are one in the same proxies, where a patch adds to what another inserts."""
    patches = [
        patch
        for other in filters
        if other.namespace == obj.namespace
        and mapping(other.spec, "workloadSelector") == mapping(obj.spec, "workloadSelector")
        for patch in elements(other.spec, "configPatches")
    ]
    if not any(_adds(patch) for patch in patches):
        return [config]
    configs = (mapping(patch, "patch", "value", "typed_config") for patch in patches)
    return [one for one in configs if text(one, "@type").rpartition(".")[2] == "LocalRateLimit"]


def _local(
    obj: Manifest,
    where: Path,
    config: Json,
    together: Sequence[Json],
    routes_act: bool,
    others: bool,
    *,
    adds: bool,
) -> Hits:
    if not mapping(config, "token_bucket") and routes_act:
        # A filter without bucket only makes room for limits that routes bring.
        return
    if not adds:
        yield from _itself(obj, where, config, together)
    elif not any(text(one, "stat_prefix") for one in together):
        yield Unseen(obj, "EnvoyFilter that inserts the limit to which this adds")
        return
    elif (bucket := mapping(config, "token_bucket")) != {}:
        yield from _bucket(obj, (*where, "token_bucket"), bucket)
    produced = {key for one in together for limit in elements(one, "rate_limits") for key in _keys(limit)}
    limited = {
        text(entry, "key")
        for one in together
        for descriptor in elements(one, "descriptors")
        for entry in elements(descriptor, "entries")
    }
    for position, descriptor in enumerate(elements(config, "descriptors")):
        wanted = {text(entry, "key") for entry in elements(descriptor, "entries")}
        place = (*where, "descriptors", position)
        if not wanted:
            yield Hit(obj, (*place, "entries"), "is empty, so the descriptor is for no request", "name its keys")
        if not wanted <= produced and not routes_act and not produced and not others:
            yield Unseen(obj, "other EnvoyFilter that may bring rate_limits to routes")
        elif not wanted <= produced and not routes_act:
            missing = ", ".join(sorted(wanted - produced))
            yield Hit(obj, place, f"waits for {missing}, which no action produces", "add rate_limits with that action")
        open_ended = any("value" not in entry for entry in elements(descriptor, "entries"))
        if open_ended and not adds and not whole(config, "max_dynamic_descriptors"):
            problem = "is by any value of its key, while max_dynamic_descriptors is not set"
            yield Hit(obj, place, problem, "set max_dynamic_descriptors, such as 10000")
        yield from _bucket(obj, (*place, "token_bucket"), mapping(descriptor, "token_bucket"))
    unused = sorted(produced - limited)
    if unused:
        problem = f"produce {', '.join(unused)}, for which no descriptor has a limit"
        yield Hit(obj, (*where, "rate_limits"), problem, "add descriptors with that key")
    for position, limit in enumerate(elements(config, "rate_limits")):
        for number_, action in enumerate(elements(limit, "actions")):
            yield from _metadata(obj, (*where, "rate_limits", position, "actions", number_, "metadata"), action)


def _itself(obj: Manifest, where: Path, config: Json, together: Sequence[Json]) -> Hits:
    """What a filter has to say that no other patch has put there."""
    if not text(config, "stat_prefix"):
        yield Hit(obj, (*where, "stat_prefix"), "is absent, so Envoy refuses the filter", "name it")
    if mapping(config, "token_bucket") or not any(elements(one, "descriptors") for one in together):
        # A filter whose descriptors have buckets needs none for the other requests.
        yield from _bucket(obj, (*where, "token_bucket"), mapping(config, "token_bucket"))
    for field in ("filter_enabled", "filter_enforced"):
        yield from _share(obj, (*where, field), mapping(config, field))


def _order(obj: Manifest, path: Path, patch: Json, config: Json) -> Hits:
    """A limit by a claim has to stand behind the filter that reads the token."""
    reads_claims = any(
        text(action, "metadata", "metadata_key", "key") == "envoy.filters.http.jwt_authn"
        for limit in elements(config, "rate_limits")
        for action in elements(limit, "actions")
    )
    operation = text(patch, "patch", "operation")
    anchor = text(patch, "match", "listener", "filterChain", "filter", "subFilter", "name")
    first = operation == "INSERT_FIRST" or (operation == "INSERT_BEFORE" and not anchor)
    if reads_claims and first:
        problem = f"is {operation} without a subFilter: the limit runs before the token is read"
        yield Hit(obj, (*path, "patch", "operation"), problem, "insert it before envoy.filters.http.router")


def _share(obj: Manifest, where: Path, field: Json) -> Hits:
    share = whole(field, "default_value", "numerator")
    if not share:
        problem = "is not set, which means 0 %" if share is None else "is 0 %"
        yield Hit(obj, where, f"{problem}, so the limit does nothing", "write 100 of HUNDRED")
        return
    whole_of = text(field, "default_value", "denominator") or "HUNDRED"
    if whole_of not in DENOMINATORS:
        place = (*where, "default_value", "denominator")
        yield Hit(
            obj, place, f"is {whole_of!r}, so Envoy refuses the filter", f"write one of {', '.join(DENOMINATORS)}"
        )
    elif share > DENOMINATORS[whole_of]:
        yield Hit(obj, (*where, "default_value", "numerator"), f"is {share} of {whole_of}", "write 100 of HUNDRED")


SHORTEST_FILL = 0.05
"""Seconds, of a token bucket."""

DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}


def _bucket(obj: Manifest, where: Path, bucket: Json) -> Hits:
    if not whole(bucket, "max_tokens"):
        yield Hit(obj, (*where, "max_tokens"), "is not set, so Envoy refuses the filter", "write the limit")
    interval = seconds(bucket.get("fill_interval"))
    if interval is None:
        yield Hit(
            obj, (*where, "fill_interval"), "is not set, so Envoy refuses the filter", "write a duration, such as 60s"
        )
    elif interval < SHORTEST_FILL:
        problem = f"is {bucket['fill_interval']}, and Envoy refuses less than 50 ms"
        yield Hit(obj, (*where, "fill_interval"), problem, "write 60s")
    if bucket and "tokens_per_fill" not in bucket and (whole(bucket, "max_tokens") or 0) > 1:
        yield Hit(obj, (*where, "tokens_per_fill"), "is not set, which means 1", "write as many as max_tokens")


def _metadata(obj: Manifest, where: Path, action: Json) -> Hits:
    settings = mapping(action, "metadata")
    if not settings:
        return
    if text(settings, "source") not in ("", "DYNAMIC", "ROUTE_ENTRY"):
        problem = f"is {text(settings, 'source')!r}, so Envoy refuses the filter"
        yield Hit(obj, (*where, "source"), problem, "write DYNAMIC")
    name = text(settings, "metadata_key", "key")
    path = [text(step, "key") for step in elements(settings, "metadata_key", "path")]
    if name not in FILTERS and (not name or name.startswith("envoy.")):
        similar = get_close_matches(name, FILTERS, n=1)
        mend = f"did you mean {similar[0]}?" if similar else "name the filter that writes the metadata"
        yield Hit(obj, (*where, "metadata_key", "key"), f"is {name!r}, which writes no metadata", mend)
    if not path or not all(path):
        yield Hit(obj, (*where, "metadata_key", "path"), "has an empty step, so nothing is found", "name each key")
    elif name == "envoy.filters.http.jwt_authn" and (path[0] != "payload" or len(path) < 2):
        problem = f"is {'.'.join(path)}, while Istio writes the claims under payload"
        yield Hit(obj, (*where, "metadata_key", "path"), problem, "write [{key: payload}, {key: CLAIM}]")


def _keys(limit: Json) -> set[str]:
    """The descriptor keys that the actions of one rate limit produce."""
    found: set[str] = set()
    for action in elements(limit, "actions"):
        for kind, settings in action.items():
            key = text(settings, "descriptor_key") or text(settings, "typed_config", "descriptor_key")
            found.add(key or FIXED_KEYS.get(kind, kind))
    return found


FIXED_KEYS = {
    "remote_address": "remote_address",
    "masked_remote_address": "masked_remote_address",
    "generic_key": "generic_key",
    "source_cluster": "source_cluster",
    "destination_cluster": "destination_cluster",
    "header_value_match": "header_match",
}
