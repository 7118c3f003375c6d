"""Ten thousand objects of a mesh, correct and linked to each other, for measurements."""

from __future__ import annotations

from typing import Any

KINDS_PER_APP = 10


def mesh_of(count: int, *, crowded: bool = False) -> list[dict[str, Any]]:
    """About `count` objects: apps in namespaces of twenty, each with Service, workload, routes and policies.

    `crowded` puts all apps into one namespace and each host into one Gateway by name: where a rule compares every
    object with every other, it shows.
    """
    apps = range(count // KINDS_PER_APP)
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "public", "namespace": "istio-ingress"},
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "servers": [
                    {
                        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                        "hosts": [f"app-{number}.example.com" for number in apps] if crowded else ["*.example.com"],
                        "tls": {"mode": "SIMPLE", "credentialName": "all", "minProtocolVersion": "TLSV1_2"},
                    }
                ],
            },
        }
    ]
    for number in apps:
        objects += _app(f"app-{number}", "team" if crowded else f"team-{number // 20}")
    return objects


def _app(name: str, namespace: str) -> list[dict[str, Any]]:
    labels = {"app": name, "version": "v1"}
    host = f"{name}.{namespace}.svc.cluster.local"

    def made(version: str, kind: str, spec: dict[str, Any], suffix: str = "") -> dict[str, Any]:
        metadata = {"name": f"{name}{suffix}", "namespace": namespace, "labels": {"app": name}}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}

    routes = [
        {
            "name": f"route-{number}",
            "match": [{"uri": {"prefix": f"/{number}/"}, "method": {"regex": "GET|POST"}}],
            "retries": {"attempts": 2, "retryOn": "connect-failure,refused-stream"},
            "route": [{"destination": {"host": host, "subset": "v1", "port": {"number": 80}}}],
        }
        for number in range(4)
    ]
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": name,
            "containers": [{"name": "app", "image": "registry.example.com/app:1", "ports": [{"containerPort": 8080}]}],
        },
    }
    allow = {
        "selector": {"matchLabels": {"app": name}},
        "action": "ALLOW",
        "rules": [
            {
                "from": [{"source": {"serviceAccounts": [f"{namespace}/{name}"]}}],
                "to": [{"operation": {"methods": ["GET", "POST"], "paths": [f"/{number}/*"]}}],
            }
            for number in range(3)
        ],
    }
    service = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    policy = {
        "connectionPool": {"tcp": {"connectTimeout": "3s"}, "http": {"http2MaxRequests": 4096}},
        "outlierDetection": {"consecutive5xxErrors": 5, "interval": "10s", "maxEjectionPercent": 50},
    }
    subsets = [{"name": "v1", "labels": {"version": "v1"}}]
    edge = {"hosts": [f"{name}.example.com"], "gateways": ["istio-ingress/public"], "http": routes}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        },
        made("v1", "Service", service),
        made("apps/v1", "Deployment", {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}),
        made("networking.istio.io/v1", "VirtualService", {"hosts": [host], "http": routes}, "-mesh"),
        made("networking.istio.io/v1", "VirtualService", edge),
        made("networking.istio.io/v1", "DestinationRule", {"host": host, "trafficPolicy": policy, "subsets": subsets}),
        made("security.istio.io/v1", "AuthorizationPolicy", allow),
        made("security.istio.io/v1", "AuthorizationPolicy", {"selector": {"matchLabels": {"app": name}}}, "-default"),
        made(
            "security.istio.io/v1",
            "PeerAuthentication",
            {"selector": {"matchLabels": {"app": name}}, "mtls": {"mode": "STRICT"}},
        ),
        made(
            "telemetry.istio.io/v1",
            "Telemetry",
            {
                "selector": {"matchLabels": {"app": name}},
                "accessLogging": [{"filter": {"expression": "response.code >= 500"}}],
            },
        ),
    ]
