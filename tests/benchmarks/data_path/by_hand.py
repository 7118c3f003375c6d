"""Envoy's own configuration of each feature, at the bare gateway, as somebody would write it for one host by hand.

It gives the answers that the declaration gives (`same_answers` asks both) and has nothing that they do not need: no
route asks for a claim, one filter refuses, and no host is told from another. What the mesh gives every app unasked
stands there always: the endpoint and its methods, no page of a foreign origin, no header with an underscore, and how
many requests may wait for a pod.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.auth.calls import CALL, READER
from chatgpt_mesh.mesh.objects.auth.tool_names import ALIAS
from chatgpt_mesh.mesh.specs import dates
from tests.benchmarks.data_path.servers import BARE, BARE_HOST, BARE_SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec
    from chatgpt_mesh.stack.settings import Settings

_FILTERS = "envoy.extensions.filters.http"
_LOGGERS = "type.googleapis.com/envoy.extensions.access_loggers"
_ANYTHING = {"any": True}
_ENDPOINT = {"uri": {"exact": "/mcp"}}
_METHODS = {"regex": "GET|POST|DELETE"}
_STRICT = {"common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"}}
"""A server that takes `_` for `-` would read a header that nobody has checked."""
_INVALID = f'Bearer error="invalid_token", resource_metadata="https://{BARE_HOST}/"'
_AT = "x-mcp-session-at"
_KEEP_SESSION = """
function envoy_on_request(handle)
  local session = handle:headers():get("mcp-session-id")
  if not session then return end
  local id, pod = session:match("^(.+)~[^~]*~([^~]+)$")
  if not id then return end
  handle:setUpstreamOverrideHost(pod, true)
  handle:headers():replace("mcp-session-id", id)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local id, pod = headers:get("mcp-session-id"), headers:get("x-mcp-session-at")
  headers:remove("x-mcp-session-at")
  if id and pod then headers:replace("mcp-session-id", id .. "~~" .. pod) end
end
"""


@dataclass(slots=True)
class Configuration:
    """What stands at the bare gateway beside its host and its certificate; grown by one feature after the other."""

    stack: Settings
    app: AppSpec
    audience: str
    """What tokens are for."""
    remembers_tokens: bool = False
    """Whether Envoy verifies a token's signature once and then knows it; Istio has no field for this."""
    filters: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Name -> configuration of an HTTP filter, in the order in which a request meets them."""
    refused: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Policies of the one filter that refuses."""
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Mappers of the gateway's own answers."""
    connections: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the connection manager."""
    route: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the route."""
    origins: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Those of browsers that may ask; every other one is refused."""
    pinned: dict[str, Any] | None = None
    """A route that is asked before it."""
    versions: bool = False
    """Whether versions are told apart."""
    spans: dict[str, Any] | None = None

    @property
    def auth(self) -> AuthSpec:
        assert self.app.auth is not None, "a feature that needs tokens stands alone"
        return self.app.auth

    def add(self, name: str, message: str, **fields: Any) -> None:
        self.filters[name] = envoy_patches.typed(f"{_FILTERS}.{message}", fields)

    def refuse(
        self, name: str, permission: dict[str, Any], *, by: dict[str, Any], status: int = 403, asked: str = ""
    ) -> None:
        """Requests that both of these fit; `asked` is the challenge of the answer."""
        self.refused[name] = {"permissions": [permission], "principals": [by]}
        if status != 403 or asked:
            self.say(f"response.code_details == 'rbac_access_denied_matched_policy[{name}]'", status, asked)

    def say(self, expression: str, status: int, asked: str = "") -> None:
        """Answer with this status, and this challenge, what the expression fits."""
        typed = {"@type": f"{_LOGGERS}.filters.cel.v3.ExpressionFilter", "expression": expression}
        fits = {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": typed}}
        mapper: dict[str, Any] = {"filter": fits, "status_code": status}
        if asked:
            header = {"key": "www-authenticate", "value": asked}
            mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
        self.answers.append(mapper)

    def manifests(self, before: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The bare gateway's objects with all this: key -> manifest, `before` without it."""
        after = dict(before)
        [key] = [one for one in before if one.startswith("VirtualService/")]
        spec = dict(before[key]["spec"])
        [route] = spec["http"]
        spec["http"] = [
            *([self.pinned] if self.pinned else []),
            {**route, "match": [{**_ENDPOINT, "method": _METHODS}], **self.route},
            {"match": [_ENDPOINT], "directResponse": {"status": 405}},
        ]
        after[key] = {**before[key], "spec": spec}
        rule = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": before[key]["metadata"]}
        after[f"DestinationRule/{BARE}/{BARE}"] = {
            **rule,
            "spec": self._destination(),
        }
        if self.spans is not None:
            [key] = [one for one in before if one.startswith("Telemetry/")]
            after[key] = {**before[key], "spec": {**before[key]["spec"], "tracing": [self.spans]}}
        spec = envoy_patches.envoy_filter(self._patches(), {"istio": BARE}).to_dict()
        kind = {"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter"}
        metadata = {"name": "by-hand", "namespace": BARE}
        after[f"EnvoyFilter/{BARE}/by-hand"] = {**kind, "metadata": metadata, "spec": spec}
        return after

    def _destination(self) -> dict[str, Any]:
        """How many requests may wait and which pods are left out: Istio's own words for fields of Envoy's cluster."""
        rules = [one.resource.to_dict() for one in Mesh(self.stack, dates.today()).objects]
        specs = [one["spec"] for one in rules if one["kind"] == "DestinationRule" and _is_of(self.app, one)]
        [policy] = [spec["trafficPolicy"] for spec in specs if "trafficPolicy" in spec]
        subsets = [subset for spec in specs for subset in spec.get("subsets", ())]
        return {"host": BARE_SERVICE, "trafficPolicy": policy, **({"subsets": subsets} if self.versions else {})}

    def _patches(self) -> list[Any]:
        own = [{"header": {"name": "origin", "string_match": origin}} for origin in self.origins]
        some = {"header": {"name": "origin", "present_match": True}}
        foreign = {"and_ids": {"ids": [some, {"not_id": {"or_ids": {"ids": own}}}]}} if own else some
        policies = {**self.refused, "origin": {"permissions": [_ANYTHING], "principals": [foreign]}}
        rules = {"action": "DENY", "policies": policies}
        filters = {**self.filters, "refused": envoy_patches.typed(f"{_FILTERS}.rbac.v3.RBAC", {"rules": rules})}
        if "limit" in filters:
            # Counted is what is not refused.
            filters["limit"] = filters.pop("limit")
        found = [
            envoy_patches.before_router(
                f"by-hand.{name}",
                one["@type"].removeprefix("type.googleapis.com/"),
                {key: value for key, value in one.items() if key != "@type"},
            )
            for name, one in filters.items()
        ]
        answers = {"local_reply_config": {"mappers": self.answers}} if self.answers else {}
        return [*found, envoy_patches.connection_manager({**_STRICT, **self.connections, **answers})]


def _is_of(app: AppSpec, rule: dict[str, Any]) -> bool:
    """Whether it is the app's own, and not a caller's."""
    return rule["metadata"]["name"] in (app.name, *(f"{app.name}-{version}" for version in app.versions))


def _claim(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"filter": envoy_patches.JWT_METADATA, "path": envoy_patches.claim_path(name), "value": value}}


def tokens(found: Configuration) -> None:
    providers = {
        issuer.issuer: {
            "issuer": issuer.issuer,
            "audiences": [found.audience],
            "local_jwks": {"inline_string": issuer.jwks},
            "forward": True,
            "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
            "payload_in_metadata": "payload",
            "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
            **({"jwt_cache_config": {"jwt_cache_size": 1000}} if found.remembers_tokens else {}),
        }
        for issuer in found.auth.issuers
    }
    each = [{"provider_name": name} for name in providers]
    requires = each[0] if len(each) == 1 else {"requires_any": {"requirements": each}}
    rules = [{"match": {"prefix": "/"}, "requires": requires}]
    found.add("tokens", "jwt_authn.v3.JwtAuthentication", providers=providers, rules=rules)
    found.say("response.code_details.startsWith('jwt_authn_access_denied')", 401, _INVALID)
    for name in ("sub", "exp"):
        lacking = {"not_id": _claim(name, {"present_match": True})}
        found.refuse(f"no-{name}", _ANYTHING, by=lacking, status=401, asked=_INVALID)


def tools(found: Configuration) -> None:
    """Nothing less reads a body in the one way that a server may read it, so the Lua is the declaration's."""
    mcp = found.app.mcp
    assert mcp is not None
    paths = ", ".join(f'["{path}"] = true' for path in mcp.spellings)
    known = f'paths = {{ {paths} }}, limit = {found.auth.largest_call}, subject = "", anonymous = true'
    script = f'local HOSTS = {{ ["{BARE_HOST}"] = {{ {known} }} }}\n{READER}'
    found.add("calls", "lua.v3.Lua", default_source_code={"inline_string": script})
    posted = {"header": {"name": ":method", "string_match": {"exact": "POST"}}}
    endpoint = {"url_path": {"path": _ENDPOINT["uri"]}}
    post = {"and_rules": {"rules": [posted, endpoint]}}
    unread = {"not_id": {"metadata": {**CALL, "value": {"present_match": True}}}}
    found.refuse("unread", post, by=unread, status=400)
    for tool, rule in found.auth.tools.items():
        calls = [{"exact": f"tools/call {tool}"}, {"safe_regex": {"regex": f"tools/call {ALIAS}"}}]
        called = [{"metadata": {**CALL, "value": {"string_match": call}}} for call in calls]
        scope = _claim("scope", {"list_match": {"one_of": {"string_match": {"exact": rule.scope}}}})
        lacking = {"and_ids": {"ids": [{"or_ids": {"ids": called}}, {"not_id": scope}]}}
        asked = f'Bearer error="insufficient_scope", scope="{rule.scope}"'
        found.refuse(f"tool-{tool}", post, by=lacking, asked=asked)


def limit(found: Configuration) -> None:
    declared = found.app.rate_limit
    assert declared is not None
    entries = [
        {
            "metadata": {
                "descriptor_key": name,
                "source": "DYNAMIC",
                "metadata_key": {"key": envoy_patches.JWT_METADATA, "path": envoy_patches.claim_path(name)},
            }
        }
        for name in ("iss", "sub")
    ]
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    share = {"max_tokens": declared.requests, "tokens_per_fill": declared.requests}
    bucket = {**share, "fill_interval": f"{declared.every.total_seconds():g}s"}
    found.add(
        "limit",
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix="by_hand",
        filter_enabled=always,
        filter_enforced=always,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        max_dynamic_descriptors=10000,
        rate_limits=[{"actions": entries}],
        descriptors=[{"entries": [{"key": "iss"}, {"key": "sub"}], "token_bucket": bucket}],
    )


def origins(found: Configuration) -> None:
    allowed = [{"exact": origin} for origin in found.app.cors.origins]
    found.route["corsPolicy"] = {"allowOrigins": allowed, "allowMethods": ["GET", "POST", "DELETE"]}
    found.origins += allowed


def sessions(found: Configuration) -> None:
    found.add("sessions", "lua.v3.Lua", default_source_code={"inline_string": _KEEP_SESSION})
    found.route["headers"] = {"response": {"set": {_AT: "%UPSTREAM_HOST%"}}}
    found.say("response.code_details == 'no_healthy_upstream' && 'mcp-session-id' in request.headers", 404)


def versions(found: Configuration) -> None:
    """Weights, and the pin before them."""
    rollout = found.app.rollout
    assert rollout is not None
    assert rollout.canary is not None
    pin = rollout.canary.pin
    stable, canary = ({"host": BARE_SERVICE, "subset": name} for name in (rollout.stable, rollout.canary.version))
    percent = rollout.canary.percent
    found.versions = True
    found.route["route"] = [
        {"destination": stable, "weight": 100 - percent},
        {"destination": canary, "weight": percent},
    ]
    if pin is not None:
        match = [{"headers": {pin.header: {"exact": pin.value}}}]
        found.pinned = {"match": match, "route": [{"destination": canary}]}


def log(found: Configuration) -> None:
    """The declared fields, of answers from 400 on and of slow ones, by Envoy's own filters of them."""
    slow = found.stack.telemetry.access_log.log
    assert slow is not None
    assert slow.slower_than is not None
    at_least = {"op": "GE", "value": {"default_value": 400, "runtime_key": "by_hand.status"}}
    milliseconds = int(slow.slower_than.total_seconds() * 1000)
    longer = {"op": "GE", "value": {"default_value": milliseconds, "runtime_key": "by_hand.duration"}}
    either = [
        {"status_code_filter": {"comparison": at_least}},
        {"duration_filter": {"comparison": longer}},
        {"response_flag_filter": {}},
    ]
    file = {"path": "/dev/stdout", "log_format": {"json_format": dict(found.stack.telemetry.access_log_fields)}}
    logger = {"name": "by-hand", "filter": {"or_filter": {"filters": either}}}
    found.connections["access_log"] = [
        {**logger, "typed_config": {"@type": f"{_LOGGERS}.file.v3.FileAccessLog", **file}}
    ]


def traces(found: Configuration) -> None:
    """Istio's own object, without a tag: there is no shorter way to its cluster of the backend."""
    declared = found.stack.telemetry.tracing
    assert declared is not None
    provider = [{"name": declared.provider}]
    found.spans = {"providers": provider, "randomSamplingPercentage": declared.sampling_percent}


FEATURES: Mapping[str, Callable[[Configuration], None]] = {
    "tokens, and what they decide": tokens,
    "tools by scope": tools,
    "limit per subject": limit,
    "origins (CORS)": origins,
    "sessions": sessions,
    "versions": versions,
    "access log": log,
    "traces": traces,
}
"""By the names that `declarations.FEATURES` has for them."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "tools by scope": ("tokens, and what they decide",),
    "limit per subject": ("tokens, and what they decide",),
}
"""What a feature cannot be without."""
