"""One valid object of every kind of Istio's, rich enough that every part of the kind can be broken in it."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

API = {
    "VirtualService": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "Gateway": "networking.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "Sidecar": "networking.istio.io/v1",
    "WorkloadEntry": "networking.istio.io/v1",
    "WorkloadGroup": "networking.istio.io/v1",
    "ProxyConfig": "networking.istio.io/v1beta1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "AuthorizationPolicy": "security.istio.io/v1",
    "RequestAuthentication": "security.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
}

_SELECTOR: Json = {"matchLabels": {"app": "web"}}
_POOL: Json = {
    "tcp": {
        "maxConnections": 100,
        "connectTimeout": "3s",
        "maxConnectionDuration": "1h",
        "idleTimeout": "10m",
        "tcpKeepalive": {"time": "60s", "interval": "10s", "probes": 3},
    },
    "http": {
        "http1MaxPendingRequests": 100,
        "http2MaxRequests": 100,
        "maxRequestsPerConnection": 10,
        "maxRetries": 3,
        "maxConcurrentStreams": 100,
        "idleTimeout": "60s",
        "h2UpgradePolicy": "DEFAULT",
        "http2KeepAlive": {"interval": "30s", "timeout": "5s"},
    },
}
_POLICY: Json = {
    "connectionPool": _POOL,
    "outlierDetection": {
        "consecutive5xxErrors": 5,
        "interval": "10s",
        "baseEjectionTime": "30s",
        "maxEjectionPercent": 50,
        "minHealthPercent": 20,
        "splitExternalLocalOriginErrors": True,
        "consecutiveLocalOriginFailures": 3,
    },
    "tls": {
        "mode": "MUTUAL",
        "clientCertificate": "/etc/certs/tls.crt",
        "privateKey": "/etc/certs/tls.key",
        "sni": "web.example.com",
    },
}
_HASH: Json = {"httpCookie": {"name": "session", "ttl": "0s", "attributes": [{"name": "SameSite", "value": "Lax"}]}}
_LOCALITY: Json = {
    "enabled": True,
    "distribute": [{"from": "us-east1/a/*", "to": {"us-east1/a/*": 80, "us-east1/b/*": 20}}],
}
_DESTINATION: Json = {"host": "web.shop.svc.cluster.local", "subset": "v1", "port": {"number": 8080}}
_HEADERS: Json = {
    "request": {"add": {"x-one": "a %% b"}, "set": {"x-two": "%REQ(x-three)%"}, "remove": ["x-four"]},
    "response": {"add": {"x-one": "a"}, "set": {"x-two": "b"}, "remove": ["x-four"]},
}
_WORKLOAD: Json = {
    "address": "10.0.0.1",
    "ports": {"http": 8080},
    "labels": {"app": "web", "example.com/team": "shop"},
    "network": "one",
    "locality": "us-east1/a",
    "weight": 10,
    "serviceAccount": "web",
}
_WASM: Json = {
    "url": "oci://registry.example.com/filter:v1",
    "sha256": "0" * 64,
    "imagePullSecret": "registry",
    "pluginName": "filter",
    "vmConfig": {"env": [{"name": "ONE", "value": "1"}, {"name": "TWO", "valueFrom": "HOST"}]},
}
_TARGETS: list[Json] = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}]
_JWKS = '{"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]}'
_JWT: Json = {
    "issuer": "https://auth.example.com",
    "audiences": ["shop"],
    "jwksUri": "https://auth.example.com/keys",
    "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
    "fromParams": ["token"],
    "fromCookies": ["token"],
    "outputClaimToHeaders": [{"header": "x-sub", "claim": "sub"}],
    "spaceDelimitedClaims": ["roles"],
    "timeout": "5s",
}
_BUFFER = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"
_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"

SPECS: dict[str, list[Json]] = {
    "VirtualService": [
        {
            "hosts": ["web.example.com", "*.shop.example.com"],
            "gateways": ["istio-ingress/public"],
            "exportTo": ["."],
            "http": [
                {
                    "name": "first",
                    "match": [
                        {
                            "uri": {"prefix": "/a"},
                            "scheme": {"exact": "https"},
                            "method": {"exact": "GET"},
                            "authority": {"prefix": "web"},
                            "headers": {"x-user": {"regex": "a.*"}, "@request.auth.claims.sub": {"exact": "me"}},
                            "withoutHeaders": {"x-other": {"exact": "b"}},
                            "queryParams": {"q": {"exact": "1"}},
                            "port": 443,
                            "sourceLabels": {"app": "front"},
                            "sourceNamespace": "shop",
                            "gateways": ["istio-ingress/public"],
                        }
                    ],
                    "route": [
                        {"destination": _DESTINATION, "weight": 90, "headers": _HEADERS},
                        {"destination": {"host": "web-next"}, "weight": 10},
                    ],
                    "timeout": "10s",
                    "retries": {"attempts": 2, "perTryTimeout": "2s", "retryOn": "5xx,503", "backoff": "25ms"},
                    "fault": {
                        "delay": {"percentage": {"value": 1}, "fixedDelay": "1s"},
                        "abort": {"percentage": {"value": 1}, "httpStatus": 503},
                    },
                    "mirrors": [{"destination": {"host": "mirror"}, "percentage": {"value": 10}}],
                    "corsPolicy": {
                        "allowOrigins": [{"exact": "https://shop.example.com"}],
                        "allowMethods": ["GET"],
                        "allowHeaders": ["content-type"],
                        "exposeHeaders": ["x-request-id"],
                        "maxAge": "24h",
                    },
                    "headers": _HEADERS,
                    "rewrite": {"uri": "/b", "authority": "other.example.com"},
                },
                {"match": [{"uri": {"exact": "/old"}}], "redirect": {"uri": "/new", "redirectCode": 301, "port": 443}},
                {"match": [{"uri": {"exact": "/no"}}], "directResponse": {"status": 404, "body": {"string": "no"}}},
                {
                    "match": [{"uri": {"prefix": "/r"}}],
                    "rewrite": {"uriRegexRewrite": {"match": "/r/(.*)", "rewrite": "/\\1"}},
                    "mirror": {"host": "mirror"},
                    "mirrorPercentage": {"value": 5},
                    "route": [{"destination": {"host": "web"}}],
                },
                {"delegate": {"name": "more", "namespace": "shop"}},
            ],
        },
        {
            "hosts": ["db.example.com"],
            "http": [{"route": [{"destination": {"host": "db"}}]}],
            "tls": [
                {
                    "match": [
                        {
                            "sniHosts": ["db.example.com"],
                            "port": 443,
                            "destinationSubnets": ["10.0.0.0/8"],
                            "sourceLabels": {"app": "front"},
                            "gateways": ["mesh"],
                        }
                    ],
                    "route": [
                        {"destination": {"host": "db", "port": {"number": 443}}, "weight": 50},
                        {"destination": {"host": "db-next"}, "weight": 50},
                    ],
                }
            ],
            "tcp": [
                {
                    "match": [
                        {
                            "port": 5432,
                            "destinationSubnets": ["10.0.0.0/8"],
                            "sourceLabels": {"app": "front"},
                            "gateways": ["mesh"],
                        }
                    ],
                    "route": [
                        {"destination": {"host": "db", "port": {"number": 5432}}, "weight": 50},
                        {"destination": {"host": "db-next"}, "weight": 50},
                    ],
                }
            ],
        },
        {"http": [{"match": [{"uri": {"prefix": "/m"}}], "route": [{"destination": {"host": "more"}}]}]},
    ],
    "DestinationRule": [
        {
            "host": "web.shop.svc.cluster.local",
            "workloadSelector": _SELECTOR,
            "exportTo": ["."],
            "trafficPolicy": {
                **_POLICY,
                "loadBalancer": {
                    "consistentHash": {**_HASH, "maglev": {"tableSize": 65537}},
                    "localityLbSetting": _LOCALITY,
                    "warmup": {"duration": "60s", "minimumPercent": 10, "aggression": 1},
                },
                "portLevelSettings": [{"port": {"number": 8080}, **_POLICY, "loadBalancer": {"simple": "RANDOM"}}],
                "tunnel": {"protocol": "CONNECT", "targetHost": "proxy.example.com", "targetPort": 3128},
                "retryBudget": {"percent": 20, "minRetryConcurrency": 3},
            },
            "subsets": [
                {
                    "name": "v1",
                    "labels": {"version": "v1"},
                    "trafficPolicy": {
                        "loadBalancer": {
                            "simple": "LEAST_REQUEST",
                            "localityLbSetting": {
                                "failover": [{"from": "us-east1", "to": "us-west1"}],
                                "failoverPriority": ["topology.istio.io/network"],
                            },
                        },
                        "tls": {"mode": "SIMPLE", "credentialName": "client"},
                    },
                },
                {
                    "name": "v2",
                    "labels": {"version": "v2"},
                    "trafficPolicy": {
                        "loadBalancer": {
                            "zoneAwareLbSetting": {
                                "failover": [{"from": "us-east1", "to": "us-west1"}],
                                "failoverPriority": ["topology.istio.io/network"],
                            }
                        },
                        "tls": {"mode": "SIMPLE", "insecureSkipVerify": True},
                        "proxyProtocol": {"version": "V1"},
                    },
                },
            ],
        },
        {"host": "*.example.com", "exportTo": ["shop", "cart"], "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
    ],
    "Gateway": [
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": ["shop/web.example.com", "*.example.com"],
                    "tls": {"mode": "SIMPLE", "credentialName": "web", "minProtocolVersion": "TLSV1_2"},
                    "bind": "10.0.0.9",
                },
                {
                    "port": {"number": 8443, "name": "mutual", "protocol": "TLS"},
                    "hosts": ["*"],
                    "tls": {
                        "mode": "MUTUAL",
                        "serverCertificate": "/etc/tls.crt",
                        "privateKey": "/etc/tls.key",
                        "caCertificates": "/etc/ca.crt",
                    },
                },
                {
                    "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                    "hosts": ["./web.example.com"],
                    "tls": {"httpsRedirect": True},
                },
                {
                    "port": {"number": 15443, "name": "mesh", "protocol": "TLS"},
                    "hosts": ["*.local"],
                    "tls": {"mode": "ISTIO_MUTUAL"},
                },
                {"port": {"number": 5432, "name": "db", "protocol": "TCP"}, "hosts": ["db.example.com"]},
            ],
        }
    ],
    "ServiceEntry": [
        {
            "hosts": ["db.example.com"],
            "addresses": ["10.1.0.0/16"],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "exportTo": ["."],
            "ports": [
                {"number": 5432, "name": "db", "protocol": "TCP", "targetPort": 5433},
                {"number": 443, "name": "https", "protocol": "HTTPS"},
            ],
            "endpoints": [{**_WORKLOAD, "ports": {"db": 5432}}],
        },
        {
            "hosts": ["a.example.com", "b.example.com"],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "exportTo": ["~"],
            "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
            "endpoints": [{"address": "c.example.com", "ports": {"tls": 443}}],
        },
        {
            "hosts": ["*.example.com"],
            "location": "MESH_EXTERNAL",
            "resolution": "DYNAMIC_DNS",
            "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
        },
        {
            "hosts": ["one.example.com"],
            "resolution": "DNS_ROUND_ROBIN",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": "two.example.com"}],
        },
        {
            "hosts": ["pods.example.com"],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "workloadSelector": {"labels": {"app": "web"}},
        },
        {"hosts": ["any.example.com"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]},
    ],
    "Sidecar": [
        {
            "workloadSelector": {"labels": {"app": "web"}},
            "ingress": [
                {
                    "port": {"number": 8080, "name": "http", "protocol": "HTTP"},
                    "bind": "10.0.0.9",
                    "defaultEndpoint": "127.0.0.1:8081",
                    "connectionPool": _POOL,
                },
                {
                    "port": {"number": 8443, "name": "https", "protocol": "HTTPS"},
                    "defaultEndpoint": "unix:///var/run/web.sock",
                    "tls": {
                        "mode": "MUTUAL",
                        "serverCertificate": "/etc/tls.crt",
                        "privateKey": "/etc/tls.key",
                        "caCertificates": "/etc/ca.crt",
                    },
                },
            ],
            "inboundConnectionPool": _POOL,
            "egress": [
                {
                    "port": {"number": 9080, "name": "http", "protocol": "HTTP"},
                    "bind": "127.0.0.1",
                    "captureMode": "NONE",
                    "hosts": ["shop/*", "~shop/cart.shop.svc.cluster.local"],
                },
                {"port": {"protocol": "HTTP", "name": "socket"}, "bind": "unix:///var/run/out.sock", "hosts": ["./*"]},
                {"hosts": ["istio-system/*", "*/*.example.com"]},
            ],
            "outboundTrafficPolicy": {
                "mode": "ALLOW_ANY",
                "egressProxy": {"host": "proxy.example.com", "port": {"number": 443}, "subset": "v1"},
            },
        }
    ],
    "WorkloadEntry": [_WORKLOAD, {"address": "vm.example.com"}, {"address": "unix:///var/run/web.sock"}],
    "WorkloadGroup": [
        {
            "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}},
            "template": {"ports": {"http": 8080}, "serviceAccount": "web", "labels": {"app": "web"}},
            "probe": {
                "periodSeconds": 5,
                "initialDelaySeconds": 1,
                "timeoutSeconds": 2,
                "successThreshold": 1,
                "failureThreshold": 3,
                "httpGet": {
                    "path": "/",
                    "port": 8080,
                    "scheme": "HTTP",
                    "httpHeaders": [{"name": "x-probe", "value": "1"}],
                },
            },
        },
        {"template": {}, "probe": {"tcpSocket": {"port": 8080}}},
        {"template": {}, "probe": {"exec": {"command": ["true"]}}},
    ],
    "ProxyConfig": [{"selector": _SELECTOR, "concurrency": 2, "environmentVariables": {"ONE": "1"}}],
    "EnvoyFilter": [
        {
            "workloadSelector": {"labels": {"app": "web"}},
            "priority": 10,
            "configPatches": [
                {
                    "applyTo": "HTTP_FILTER",
                    "match": {
                        "context": "SIDECAR_INBOUND",
                        "proxy": {"proxyVersion": "^1\\.3.*"},
                        "listener": {
                            "portNumber": 8080,
                            "filterChain": {
                                "filter": {
                                    "name": _CONNECTION_MANAGER,
                                    "subFilter": {"name": "envoy.filters.http.router"},
                                }
                            },
                        },
                    },
                    "patch": {
                        "operation": "INSERT_BEFORE",
                        "value": {
                            "name": "envoy.filters.http.buffer",
                            "typed_config": {"@type": _BUFFER, "max_request_bytes": 65536},
                        },
                    },
                },
                {
                    "applyTo": "VIRTUAL_HOST",
                    "match": {"context": "GATEWAY", "routeConfiguration": {"name": "http.80"}},
                    "patch": {"operation": "MERGE", "value": {"name": "web"}},
                },
                {
                    "applyTo": "CLUSTER",
                    "match": {"context": "SIDECAR_OUTBOUND", "cluster": {"service": "web.shop.svc.cluster.local"}},
                    "patch": {"operation": "MERGE", "value": {"connect_timeout": "3s"}},
                },
                {
                    "applyTo": "NETWORK_FILTER",
                    "match": {"listener": {"filterChain": {"filter": {"name": _CONNECTION_MANAGER}}}},
                    "patch": {"operation": "REMOVE"},
                },
            ],
        }
    ],
    "AuthorizationPolicy": [
        {
            "selector": _SELECTOR,
            "action": "ALLOW",
            "rules": [
                {
                    "from": [
                        {
                            "source": {
                                "principals": ["cluster.local/ns/shop/sa/front"],
                                "notPrincipals": ["cluster.local/ns/shop/sa/other"],
                                "requestPrincipals": ["*"],
                                "notRequestPrincipals": ["a/b"],
                                "namespaces": ["shop"],
                                "notNamespaces": ["other"],
                                "ipBlocks": ["10.0.0.0/8"],
                                "notIpBlocks": ["10.1.2.3"],
                                "remoteIpBlocks": ["10.0.0.0/8"],
                                "notRemoteIpBlocks": ["10.1.2.3"],
                                "trustDomains": ["cluster.local"],
                                "notTrustDomains": ["*.other"],
                            }
                        },
                        {"source": {"serviceAccounts": ["shop/front"], "notServiceAccounts": ["other"]}},
                    ],
                    "to": [
                        {
                            "operation": {
                                "hosts": ["web.example.com"],
                                "notHosts": ["*.example.org"],
                                "ports": ["8080"],
                                "notPorts": ["9090"],
                                "methods": ["GET"],
                                "notMethods": ["POST"],
                                "paths": ["/a/{*}/b/{**}"],
                                "notPaths": ["/c/*"],
                            }
                        }
                    ],
                    "when": [
                        {"key": "request.headers[x-user]", "values": ["a"], "notValues": ["b"]},
                        {"key": "source.ip", "values": ["10.0.0.0/8"]},
                        {"key": "destination.port", "values": ["8080"]},
                        {"key": "source.serviceAccount", "values": ["shop/front"]},
                        {"key": "source.trustDomain", "values": ["cluster.*"]},
                        {"key": "request.auth.claims[iss]", "notValues": ["c"]},
                        {"key": "connection.sni", "values": ["web.example.com"]},
                    ],
                }
            ],
        },
        {"targetRefs": _TARGETS, "action": "DENY", "rules": [{"to": [{"operation": {"ports": ["22"]}}]}]},
        {
            "selector": _SELECTOR,
            "action": "CUSTOM",
            "provider": {"name": "opa"},
            "rules": [
                {
                    "from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}],
                    "to": [{"operation": {"paths": ["/a"]}}],
                    "when": [{"key": "request.headers[x-user]", "values": ["a"]}],
                }
            ],
        },
        {"targetRef": _TARGETS[0], "action": "AUDIT", "rules": [{}]},
    ],
    "RequestAuthentication": [
        {"selector": _SELECTOR, "jwtRules": [_JWT, {"issuer": "https://other.example.com", "jwks": _JWKS}]},
        {"targetRefs": _TARGETS, "jwtRules": [{"issuer": "https://auth.example.com"}]},
    ],
    "PeerAuthentication": [
        {"selector": _SELECTOR, "mtls": {"mode": "STRICT"}, "portLevelMtls": {"8080": {"mode": "PERMISSIVE"}}},
        {"mtls": {"mode": "STRICT"}},
    ],
    "Telemetry": [
        {
            "selector": _SELECTOR,
            "tracing": [
                {
                    "providers": [{"name": "tempo"}],
                    "randomSamplingPercentage": 10,
                    "customTags": {
                        "one": {"literal": {"value": "1"}},
                        "two": {"header": {"name": "x-user", "defaultValue": "none"}},
                        "three": {"environment": {"name": "POD"}},
                        "four": {"formatter": {"value": "%REQ(X)%"}},
                    },
                }
            ],
            "metrics": [
                {
                    "providers": [{"name": "prometheus"}],
                    "reportingInterval": "10s",
                    "overrides": [
                        {
                            "match": {"metric": "REQUEST_COUNT", "mode": "CLIENT"},
                            "tagOverrides": {
                                "outcome": {"operation": "UPSERT", "value": "request.host"},
                                "old": {"operation": "REMOVE"},
                            },
                        },
                        {"match": {"customMetric": "orders"}, "disabled": True},
                    ],
                }
            ],
            "accessLogging": [{"providers": [{"name": "otel"}], "filter": {"expression": "response.code >= 500"}}],
        },
        {"targetRefs": _TARGETS, "accessLogging": [{"providers": [{"name": "otel"}]}]},
    ],
    "WasmPlugin": [
        {**_WASM, "selector": _SELECTOR, "priority": 1, "match": [{"mode": "SERVER", "ports": [{"number": 8080}]}]},
        {"url": "file:///opt/filter.wasm", "targetRefs": _TARGETS},
    ],
    "TrafficExtension": [
        {"selector": _SELECTOR, "priority": 1, "wasm": _WASM, "match": [{"ports": [{"number": 8080}]}]},
        {"targetRefs": _TARGETS, "lua": {"inlineCode": "function envoy_on_request(handle) end"}},
    ],
}
"""Specs by kind: what one object cannot have at once is spread over several."""


def make(kind: str, spec: Json, **metadata: Any) -> Json:
    """An object of a kind."""
    named = {"name": "web", "namespace": "shop", **{name: value for name, value in metadata.items() if value}}
    return {"apiVersion": API[kind], "kind": kind, "metadata": named, "spec": spec}


def valid_objects() -> list[Json]:
    """Every valid object; none of them shares a part with another."""
    return [copy.deepcopy(make(kind, spec)) for kind, specs in SPECS.items() for spec in specs]
