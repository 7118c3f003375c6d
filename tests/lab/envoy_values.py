"""Values of a declaration that end in Envoy's own languages, as one static configuration that Envoy can be asked about.

Header formats, regular expressions, CEL, Lua, access log formats and whatever an EnvoyFilter carries are texts to
Istio, which hands them on; Envoy compiles them when it takes a configuration over. Here each stands where istiod puts
it: in a route, a filter, an access log or a tag. What istiod itself decides (which proxy gets it, in which order) is
not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

Values = dict[str, Any]

_TYPE = "type.googleapis.com/envoy"
_CLUSTER = "somewhere"
_MANAGER = "envoy.filters.network.http_connection_manager"
_TCP_PROXY = "envoy.filters.network.tcp_proxy"
_ISTIO_DIRECT_RESPONSE_BYTES = 1024 * 1024
"""What istiod allows a fixed answer to be; Envoy's own default is 4 KiB."""

_RUNTIME = {"re2.max_program_size.error_level": 32768}
"""What Istio's bootstrap allows a regular expression to be (istio, pkg/bootstrap/config.go); Envoy's own is 100."""


@dataclass
class Static:
    """The parts of a static configuration, each once."""

    routes: dict[str, Values] = field(default_factory=dict[str, Values])
    http_filters: dict[str, Values] = field(default_factory=dict[str, Values])
    network_filters: dict[str, Values] = field(default_factory=dict[str, Values])
    managers: dict[str, Values] = field(default_factory=dict[str, Values])
    tcp_proxies: dict[str, Values] = field(default_factory=dict[str, Values])
    listeners: dict[str, Values] = field(default_factory=dict[str, Values])
    route_tables: dict[str, Values] = field(default_factory=dict[str, Values])
    access_logs: dict[str, Values] = field(default_factory=dict[str, Values])
    span_tags: dict[str, Values] = field(default_factory=dict[str, Values])

    def add(self, objects: Iterable[Values], mesh_config: Values) -> None:
        """Take in what one stack renders.

        Raises:
            ValueError: an EnvoyFilter patches a place that this module does not know.
        """
        for manifest in objects:
            spec = manifest.get("spec", {})
            match manifest["kind"]:
                case "VirtualService":
                    _put(self.routes, _routes(spec))
                case "EnvoyFilter":
                    for patch in spec["configPatches"]:
                        self._patched(patch["applyTo"], patch["patch"])
                case "RequestAuthentication":
                    _put(self.http_filters, [_jwt_filter(spec)])
                case "TrafficExtension":
                    _put(self.http_filters, _lua_filters(spec))
                case "Telemetry":
                    _put(self.access_logs, map(_filtered, _log_filters(spec)))
                    _put(self.access_logs, map(_evaluated, _metric_tags(spec)))
                    _put(self.span_tags, _span_tags(spec))
                case _:
                    pass
        _put(self.access_logs, _access_logs(mesh_config))

    def _patched(self, place: str, patch: Values) -> None:
        value = patch.get("value", {})
        configured = value.get("typed_config", {})
        match place, patch["operation"]:
            case "HTTP_FILTER", _:
                _put(self.http_filters, [configured] if configured else [])
            case "NETWORK_FILTER", "MERGE":
                merged = {"HttpConnectionManager": self.managers, "TcpProxy": self.tcp_proxies}
                _put(merged[configured["@type"].rpartition(".")[2]], [configured])
            case "NETWORK_FILTER", _:
                _put(self.network_filters, [value])
            case "LISTENER", "MERGE":
                _put(self.listeners, [value])
            case "ROUTE_CONFIGURATION", "MERGE":
                _put(self.route_tables, [value])
            case "HTTP_ROUTE", "MERGE":
                match = {"prefix": "/", **value.get("match", {})}
                _put(self.routes, [{**value, "match": match, "route": {"cluster": _CLUSTER}}])
            case _:
                raise ValueError(f"an EnvoyFilter's {patch['operation']} of {place} stands nowhere here yet")

    def bootstrap(self) -> Values:
        """The whole as Envoy reads it."""
        filters = [_named(f"value-{number}", one) for number, one in enumerate(self.http_filters.values())]
        table = {
            **_route_table(),
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [*self.routes.values()]}],
        }
        tracing = {"custom_tags": [*self.span_tags.values()]}
        first = {**_manager(table, filters), "access_log": [*self.access_logs.values()], "tracing": tracing}
        chains = [[_named(_MANAGER, first)]]
        chains += [[_named(_MANAGER, {**_manager(_route_table()), **one})] for one in self.managers.values()]
        chains += [[_named(_MANAGER, _manager({**_route_table(), **one}))] for one in self.route_tables.values()]
        chains += [[_named(_TCP_PROXY, {**_tcp_proxy(), **one})] for one in self.tcp_proxies.values()]
        chains += [[one, _named(_TCP_PROXY, _tcp_proxy())] for one in self.network_filters.values()]
        listeners = [_listener(f"chain-{number}", chain) for number, chain in enumerate(chains)]
        plain = [_named(_TCP_PROXY, _tcp_proxy())]
        listeners += [
            {**_listener(f"merged-{number}", plain), **one} for number, one in enumerate(self.listeners.values())
        ]
        names = sorted({_CLUSTER, *_clusters(listeners)})
        return {
            "static_resources": {"listeners": listeners, "clusters": [_cluster(name) for name in names]},
            "layered_runtime": {"layers": [{"name": "istio", "static_layer": _RUNTIME}]},
        }


def _put(place: dict[str, Values], values: Iterable[Values]) -> None:
    for value in values:
        place.setdefault(json.dumps(value, sort_keys=True), value)


def _routes(spec: Values) -> Iterator[Values]:
    for http in spec.get("http", ()):
        for matched in http.get("match") or [{}]:
            yield {
                "match": _match(matched),
                **_action(http),
                **_header_changes(http.get("headers", {})),
                **_cors(http.get("corsPolicy")),
            }
        for destination in http.get("route", ()):
            if changes := _header_changes(destination.get("headers", {})):
                yield {"match": {"prefix": "/"}, "route": {"cluster": _CLUSTER}, **changes}


def _match(matched: Values) -> Values:
    headers = [_header_match(name, value) for name, value in matched.get("headers", {}).items()]
    headers += [
        {**_header_match(name, value), "invert_match": True}
        for name, value in matched.get("withoutHeaders", {}).items()
    ]
    if "method" in matched:
        headers.append(_header_match(":method", matched["method"]))
    match matched.get("uri", {"prefix": "/"}):
        case {"exact": path}:
            way = {"path": path}
        case {"regex": pattern}:
            way = {"safe_regex": {"regex": pattern}}
        case {"prefix": prefix}:
            way = {"prefix": prefix}
        case other:
            raise ValueError(f"a path matched by {other}")
    queries = [{"name": name, "string_match": _text(value)} for name, value in matched.get("queryParams", {}).items()]
    return {**way, "headers": headers, "query_parameters": queries}


def _header_match(name: str, value: Values) -> Values:
    """Istio compares a claim with metadata; to Envoy its regular expression is the same as a header's."""
    name = "claim" if name.startswith("@") else name
    return {"name": name, "string_match": _text(value)} if value else {"name": name, "present_match": True}


def _text(value: Values) -> Values:
    return {"safe_regex": {"regex": value["regex"]}} if "regex" in value else value


def _action(http: Values) -> Values:
    if redirect := http.get("redirect"):
        port = {"port_redirect": redirect["port"]} if "port" in redirect else {}
        names = {"authority": "host_redirect", "uri": "path_redirect", "scheme": "scheme_redirect"}
        parts = {names[name]: value for name, value in redirect.items() if name in names}
        code = {HTTPStatus.MOVED_PERMANENTLY: "MOVED_PERMANENTLY", HTTPStatus.FOUND: "FOUND"}
        status = HTTPStatus(redirect.get("redirectCode", HTTPStatus.MOVED_PERMANENTLY))
        return {"redirect": {**parts, **port, "response_code": code.get(status, status.name)}}
    if answer := http.get("directResponse"):
        body = {"body": {"inline_string": answer["body"]["string"]}} if "body" in answer else {}
        return {"direct_response": {"status": answer["status"], **body}}
    retries = http.get("retries", {})
    policy = {"retry_on": retries["retryOn"]} if "retryOn" in retries else {}
    if "perTryTimeout" in retries:
        policy["per_try_timeout"] = retries["perTryTimeout"]
    timeout = {"timeout": http["timeout"]} if "timeout" in http else {}
    return {"route": {"cluster": _CLUSTER, "retry_policy": policy, **timeout, **_rewrite(http.get("rewrite", {}))}}


def _rewrite(rewrite: Values) -> Values:
    if regex := rewrite.get("uriRegexRewrite"):
        return {"regex_rewrite": {"pattern": {"regex": regex["match"]}, "substitution": regex["rewrite"]}}
    way = {"prefix_rewrite": rewrite["uri"]} if "uri" in rewrite else {}
    return {**way, **({"host_rewrite_literal": rewrite["authority"]} if "authority" in rewrite else {})}


def _header_changes(headers: Values) -> Values:
    changes: Values = {}
    for direction in ("request", "response"):
        told = headers.get(direction, {})
        added = [
            {"header": {"key": name, "value": value}, "append_action": action}
            for operation, action in (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD"))
            for name, value in told.get(operation, {}).items()
        ]
        if added:
            changes[f"{direction}_headers_to_add"] = added
        if "remove" in told:
            changes[f"{direction}_headers_to_remove"] = told["remove"]
    return changes


def _cors(policy: Values | None) -> Values:
    if policy is None:
        return {}
    origins = [_text(origin) for origin in policy.get("allowOrigins", ())]
    listed = {"allowMethods": "allow_methods", "allowHeaders": "allow_headers", "exposeHeaders": "expose_headers"}
    texts = {listed[name]: ",".join(value) for name, value in policy.items() if name in listed}
    age = {"max_age": policy["maxAge"].removesuffix("s")} if "maxAge" in policy else {}
    configured = {"@type": f"{_TYPE}.extensions.filters.http.cors.v3.CorsPolicy", **texts, **age}
    return {
        "typed_per_filter_config": {"envoy.filters.http.cors": {**configured, "allow_origin_string_match": origins}}
    }


def _jwt_filter(spec: Values) -> Values:
    providers: Values = {}
    for number, rule in enumerate(spec.get("jwtRules", ())):
        remote = {"http_uri": {"uri": rule.get("jwksUri"), "cluster": _CLUSTER, "timeout": "5s"}}
        source = {"local_jwks": {"inline_string": rule["jwks"]}} if "jwks" in rule else {"remote_jwks": remote}
        copied = [
            {"header_name": one["header"], "claim_name": one["claim"]} for one in rule.get("outputClaimToHeaders", ())
        ]
        places = [
            {"name": one["name"], **({"value_prefix": one["prefix"]} if "prefix" in one else {})}
            for one in rule.get("fromHeaders", ())
        ]
        providers[f"{rule['issuer']}-{number}"] = {
            "issuer": rule["issuer"],
            "audiences": rule.get("audiences", []),
            "claim_to_headers": copied,
            "from_headers": places,
            "from_params": rule.get("fromParams", []),
            **source,
        }
    return {"@type": f"{_TYPE}.extensions.filters.http.jwt_authn.v3.JwtAuthentication", "providers": providers}


def _lua_filters(spec: Values) -> Iterator[Values]:
    if code := spec.get("lua", {}).get("inlineCode"):
        yield {
            "@type": f"{_TYPE}.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
        }


def _log_filters(spec: Values) -> Iterator[str]:
    """CEL: which requests are logged."""
    for logging in spec.get("accessLogging", ()):
        if expression := logging.get("filter", {}).get("expression"):
            yield expression


def _metric_tags(spec: Values) -> Iterator[str]:
    """CEL: what a metric's tags are."""
    for metrics in spec.get("metrics", ()):
        for override in metrics.get("overrides", ()):
            for tag in override.get("tagOverrides", {}).values():
                if "value" in tag:
                    yield tag["value"]


def _evaluated(expression: str) -> Values:
    """Istio's metrics filter is not in an upstream Envoy; a filter of the access log parses the same language, and
    `string(...)` once it is told to, as Istio's own does (istio.io, "Customizing Istio Metrics")."""
    return _filtered(expression, cel_config={"enable_string_conversion": True})


def _filtered(expression: str, **settings: Any) -> Values:
    kind = f"{_TYPE}.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    cel = {"@type": kind, "expression": expression, **settings}
    return {**_file_log({}), "filter": {"extension_filter": _named("envoy.access_loggers.extension_filters.cel", cel)}}


def _span_tags(spec: Values) -> Iterator[Values]:
    for tracing in spec.get("tracing", ()):
        for name, tag in tracing.get("customTags", {}).items():
            match tag:
                case {"literal": {"value": text}}:
                    yield {"tag": name, "literal": {"value": text}}
                case {"header": {"name": header, **rest}}:
                    default = {"default_value": rest["defaultValue"]} if "defaultValue" in rest else {}
                    yield {"tag": name, "request_header": {"name": header, **default}}
                case {"environment": {"name": variable, **rest}}:
                    default = {"default_value": rest["defaultValue"]} if "defaultValue" in rest else {}
                    yield {"tag": name, "environment": {"name": variable, **default}}
                case {"formatter": {"value": text}}:
                    yield {"tag": name, "value": text}
                case _:
                    raise ValueError(f"a span tag {name} of {tag}")


def _access_logs(mesh_config: Values) -> Iterator[Values]:
    for provider in mesh_config.get("extensionProviders", ()):
        match provider.get("envoyFileAccessLog", {}).get("logFormat"):
            case {"text": text}:
                yield _file_log({"log_format": {"text_format_source": {"inline_string": text}}})
            case {"labels": labels}:
                yield _file_log({"log_format": {"json_format": labels}})
            case _:
                pass


def _file_log(form: Mapping[str, Any]) -> Values:
    log = {"@type": f"{_TYPE}.extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/null", **form}
    return _named("envoy.access_loggers.file", log)


def _named(name: str, configured: Values) -> Values:
    return {"name": name, "typed_config": configured}


def _route_table() -> Values:
    return {"name": "table", "max_direct_response_body_size_bytes": _ISTIO_DIRECT_RESPONSE_BYTES}


def _manager(table: Values, filters: Iterable[Values] = ()) -> Values:
    router = _named("envoy.filters.http.router", {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"})
    kind = f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {"@type": kind, "stat_prefix": "values", "route_config": table, "http_filters": [*filters, router]}


def _tcp_proxy() -> Values:
    kind = f"{_TYPE}.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    return {"@type": kind, "stat_prefix": "values", "cluster": _CLUSTER}


def _listener(name: str, filters: list[Values]) -> Values:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {"name": name, "address": address, "filter_chains": [{"filters": filters}]}


def _cluster(name: str) -> Values:
    return {"name": name, "connect_timeout": "1s", "type": "STATIC", "load_assignment": {"cluster_name": name}}


def _clusters(value: Any) -> Iterator[str]:
    """Names of clusters that a filter speaks of, at any depth."""
    match value:
        case dict():
            for key, inner in value.items():
                if key in ("cluster", "cluster_name") and isinstance(inner, str):
                    yield inner
                else:
                    yield from _clusters(inner)
        case list():
            for inner in value:
                yield from _clusters(inner)
        case _:
            pass
