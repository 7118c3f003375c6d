"""Envoy's filters by their canonical names, and the message that configures each."""

from __future__ import annotations

_HTTP = {
    "adaptive_concurrency": "AdaptiveConcurrency", "admission_control": "AdmissionControl",
    "alternate_protocols_cache": "FilterConfig", "aws_request_signing": "AwsRequestSigning",
    "bandwidth_limit": "BandwidthLimit", "basic_auth": "BasicAuth", "buffer": "Buffer", "cache": "CacheConfig",
    "compressor": "Compressor", "cors": "Cors", "credential_injector": "CredentialInjector", "csrf": "CsrfPolicy",
    "custom_response": "CustomResponse", "decompressor": "Decompressor", "dynamic_forward_proxy": "FilterConfig",
    "ext_authz": "ExtAuthz", "ext_proc": "ExternalProcessor", "fault": "HTTPFault", "gcp_authn": "GcpAuthnFilterConfig",
    "geoip": "Geoip", "grpc_http1_bridge": "Config", "grpc_json_transcoder": "GrpcJsonTranscoder",
    "grpc_stats": "FilterConfig", "grpc_web": "GrpcWeb", "gzip": "Gzip", "header_mutation": "HeaderMutation",
    "header_to_metadata": "Config", "health_check": "HealthCheck", "ip_tagging": "IPTagging",
    "json_to_metadata": "JsonToMetadata", "jwt_authn": "JwtAuthentication", "kill_request": "KillRequest",
    "local_ratelimit": "LocalRateLimit", "lua": "Lua", "oauth2": "OAuth2", "on_demand": "OnDemand",
    "original_src": "OriginalSrc", "rate_limit_quota": "RateLimitQuotaFilterConfig", "ratelimit": "RateLimit",
    "rbac": "RBAC", "router": "Router", "set_filter_state": "Config", "set_metadata": "Config",
    "stateful_session": "StatefulSession", "tap": "Tap", "wasm": "Wasm",
}  # fmt: skip
_NETWORK = {
    "connection_limit": "ConnectionLimit", "direct_response": "Config", "echo": "Echo", "ext_authz": "ExtAuthz",
    "http_connection_manager": "HttpConnectionManager", "local_ratelimit": "LocalRateLimit",
    "mongo_proxy": "MongoProxy", "ratelimit": "RateLimit", "rbac": "RBAC", "redis_proxy": "RedisProxy",
    "sni_cluster": "SniCluster",
    "sni_dynamic_forward_proxy": "FilterConfig", "tcp_proxy": "TcpProxy", "thrift_proxy": "ThriftProxy", "wasm": "Wasm",
    "zookeeper_proxy": "ZooKeeperProxy",
}  # fmt: skip

MESSAGES = {
    **{f"envoy.extensions.filters.http.{name}.v3": message for name, message in _HTTP.items()},
    **{f"envoy.extensions.filters.network.{name}.v3": message for name, message in _NETWORK.items()},
}
"""Package -> message. Only packages listed here are judged."""

FILTERS = frozenset(
    {
        *(f"envoy.filters.http.{name}" for name in _HTTP),
        *(f"envoy.filters.network.{name}" for name in _NETWORK),
        "envoy.filters.listener.original_dst",
        "envoy.filters.listener.tls_inspector",
        "envoy.filters.listener.http_inspector",
        "envoy.filters.listener.proxy_protocol",
        "envoy.lb",
    }
)
