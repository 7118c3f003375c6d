"""Ten thousand objects of a mesh, correct and linked to each other, for measurements."""

from __future__ import annotations

from dataclasses import dataclass
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
        app = _App(f"app-{number}", "team" if crowded else f"team-{number // 20}")
        objects += [*app.workload(), *app.traffic(), *app.policies()]
    return objects


@dataclass(frozen=True, slots=True)
class _App:
    name: str
    namespace: str

    def _made(self, version: str, kind: str, spec: dict[str, Any], suffix: str = "") -> dict[str, Any]:
        metadata = {"name": f"{self.name}{suffix}", "namespace": self.namespace, "labels": {"app": self.name}}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}

    @property
    def _selector(self) -> dict[str, Any]:
        return {"selector": {"matchLabels": {"app": self.name}}}

    def workload(self) -> list[dict[str, Any]]:
        labels = {"app": self.name, "version": "v1"}
        container = {"name": "app", "image": "registry.example.com/app:1", "ports": [{"containerPort": 8080}]}
        pod = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": self.name, "containers": [container]}}
        service = {"selector": {"app": self.name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
        account = {"name": self.name, "namespace": self.namespace}
        return [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
            self._made("v1", "Service", service),
            self._made("apps/v1", "Deployment", {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}),
        ]

    def traffic(self) -> list[dict[str, Any]]:
        host = f"{self.name}.{self.namespace}.svc.cluster.local"
        routes = [
            {
                "name": f"route-{number}",
                "match": [{"uri": {"prefix": f"/{number}/"}, "method": {"regex": "GET|POST"}}],
                "retries": {"attempts": 2, "retryOn": "connect-failure,refused-stream"},
                "route": [{"destination": {"host": host, "subset": "v1", "port": {"number": 80}}}],
            }
            for number in range(4)
        ]
        edge = {"hosts": [f"{self.name}.example.com"], "gateways": ["istio-ingress/public"], "http": routes}
        policy = {
            "connectionPool": {"tcp": {"connectTimeout": "3s"}, "http": {"http2MaxRequests": 4096}},
            "outlierDetection": {"consecutive5xxErrors": 5, "interval": "10s", "maxEjectionPercent": 50},
        }
        rule = {"host": host, "trafficPolicy": policy, "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}
        return [
            self._made("networking.istio.io/v1", "VirtualService", {"hosts": [host], "http": routes}, "-mesh"),
            self._made("networking.istio.io/v1", "VirtualService", edge),
            self._made("networking.istio.io/v1", "DestinationRule", rule),
        ]

    def policies(self) -> list[dict[str, Any]]:
        rules = [
            {
                "from": [{"source": {"serviceAccounts": [f"{self.namespace}/{self.name}"]}}],
                "to": [{"operation": {"methods": ["GET", "POST"], "paths": [f"/{number}/*"]}}],
            }
            for number in range(3)
        ]
        allow = {**self._selector, "action": "ALLOW", "rules": rules}
        strict = {**self._selector, "mtls": {"mode": "STRICT"}}
        logged = {**self._selector, "accessLogging": [{"filter": {"expression": "response.code >= 500"}}]}
        return [
            self._made("security.istio.io/v1", "AuthorizationPolicy", allow),
            self._made("security.istio.io/v1", "AuthorizationPolicy", self._selector, "-default"),
            self._made("security.istio.io/v1", "PeerAuthentication", strict),
            self._made("telemetry.istio.io/v1", "Telemetry", logged),
        ]
