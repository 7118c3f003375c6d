"""The pods of the rate limit service: https://github.com/envoyproxy/ratelimit

They read their limits from the ConfigMap that the mesh writes (`mesh.objects.rate_limit`), and are in the mesh, so that
only gateways reach them and by mutual TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.redis_access import CA_KEY, PASSWORD_KEY
from chatgpt_mesh.components.restricted_pods import NO_PRIVILEGE, disruption_budget, requested, run_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.components.redis_access import RedisAccess
    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitServiceSpec
    from chatgpt_mesh.mesh.specs.rate_limit_deployment import RateLimitDeploymentSpec

HTTP_PORT, METRICS_PORT = 8080, 9090
CONFIG, CA = "/data/ratelimit/config", "/etc/redis-ca"


def manifests(service: RateLimitServiceSpec, spec: RateLimitDeploymentSpec, redis: RedisAccess) -> Iterator[Any]:
    """Objects in the service's namespace."""
    name, home = service.service, service.namespace
    metadata = {"name": name, "namespace": home, "labels": dict(service.labels)}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}
    port = {"name": "grpc", "port": service.port, "targetPort": service.port, "appProtocol": "grpc"}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": dict(service.labels), "ports": [port]},
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": dict(service.labels)},
            "template": _pod(service, spec, redis),
        },
    }
    if spec.replicas > 1:
        yield disruption_budget(metadata, service.labels)


def _pod(service: RateLimitServiceSpec, spec: RateLimitDeploymentSpec, redis: RedisAccess) -> dict[str, Any]:
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(service.labels)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    volumes: list[dict[str, Any]] = [{"name": "config", "configMap": {"name": f"{service.service}-limits"}}]
    if redis.ca_secret is not None:
        items = [{"key": CA_KEY, "path": CA_KEY}]
        volumes.append({"name": "redis-ca", "secret": {"secretName": redis.ca_secret, "items": items}})
    return {
        "metadata": {
            "labels": dict(service.labels),
            "annotations": {
                # Redis is no part of the mesh, and speaks TLS by itself.
                "traffic.sidecar.istio.io/excludeOutboundPorts": str(redis.port),
                # Istio shows them beside the sidecar's own.
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(METRICS_PORT),
            },
        },
        "spec": {
            "serviceAccountName": service.service,
            # It asks the API server for nothing.
            "automountServiceAccountToken": False,
            "securityContext": run_as(65532),
            "topologySpreadConstraints": spread,
            "containers": [_container(service, spec, redis)],
            "volumes": volumes,
        },
    }


def _container(service: RateLimitServiceSpec, spec: RateLimitDeploymentSpec, redis: RedisAccess) -> dict[str, Any]:
    mounts = [{"name": "config", "mountPath": CONFIG, "readOnly": True}]
    if redis.ca_secret is not None:
        mounts.append({"name": "redis-ca", "mountPath": CA, "readOnly": True})
    health = {"httpGet": {"path": "/healthcheck", "port": HTTP_PORT}, "periodSeconds": 2, "failureThreshold": 1}
    return {
        "name": "ratelimit",
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/ratelimit"],
        "env": list(_environment(service, redis)),
        "ports": [
            {"name": "grpc", "containerPort": service.port},
            {"name": "http", "containerPort": HTTP_PORT},
        ],
        "readinessProbe": health,
        "resources": requested(spec.resources),
        "securityContext": NO_PRIVILEGE,
        "volumeMounts": mounts,
    }


def _environment(service: RateLimitServiceSpec, redis: RedisAccess) -> Iterator[Mapping[str, Any]]:
    """https://github.com/envoyproxy/ratelimit#building-and-testing and src/settings/settings.go there"""
    root, directory, folder = CONFIG.rsplit("/", 2)
    values: dict[str, pulumi.Input[str]] = {
        "GRPC_PORT": str(service.port),
        "PORT": str(HTTP_PORT),
        # It would show limits and counts to whoever reaches the port.
        "DEBUG_HOST": "127.0.0.1",
        "RUNTIME_ROOT": root,
        "RUNTIME_SUBDIRECTORY": directory,
        "RUNTIME_APPDIRECTORY": folder,
        # Kubernetes changes a ConfigMap's files by moving a link, which is seen in their own directory.
        "RUNTIME_WATCH_ROOT": "false",
        "RUNTIME_IGNOREDOTFILES": "true",
        "LOG_LEVEL": "warn",
        "LOG_FORMAT": "json",
        # Without one of them it logs every figure, every few seconds.
        "USE_STATSD": "false",
        "USE_PROMETHEUS": "true",
        "PROMETHEUS_ADDR": f":{METRICS_PORT}",
        "REDIS_SOCKET_TYPE": "tcp",
        "REDIS_URL": redis.address,
        # While Redis is away every question to it would wait without end. A pod that is not ready is not asked, so the
        # gateway lets pass at once.
        "REDIS_HEALTH_CHECK_ACTIVE_CONNECTION": "true",
        # What takes longer than the gateway waits helps nobody.
        "REDIS_TIMEOUT": f"{max(service.timeout.total_seconds() * 0.8, 0.001):.3f}s",
        "REDIS_TLS": "true" if redis.tls else "false",
    }
    if redis.ca_secret is not None:
        values["REDIS_TLS_CACERT"] = f"{CA}/{CA_KEY}"
    if not redis.verify_name:
        values["REDIS_TLS_SKIP_HOSTNAME_VERIFICATION"] = "true"
    yield from ({"name": name, "value": value} for name, value in values.items())
    if redis.password_secret is not None:
        reference = {"name": redis.password_secret, "key": PASSWORD_KEY}
        yield {"name": "REDIS_AUTH", "valueFrom": {"secretKeyRef": reference}}


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitArgs:
    service: RateLimitServiceSpec
    deployment: RateLimitDeploymentSpec
    redis: RedisAccess
    after: Sequence[pulumi.Resource]
    """Its namespace, and what its Secrets come from."""
    limits: pulumi.Resource
    """The ConfigMap with its limits, without which no pod starts."""


class RateLimit(pulumi.ComponentResource):
    """The service's pods and what stands before them."""

    def __init__(self, name: str, args: RateLimitArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:mesh:RateLimitService", name, None, opts)
        for manifest in manifests(args.service, args.deployment, args.redis):
            key = f"{manifest['kind']}/{args.service.namespace}/{args.service.service}"
            before = [*args.after, args.limits] if manifest["kind"] == "Deployment" else list(args.after)
            KubernetesObject(key, manifest, pulumi.ResourceOptions(parent=self, depends_on=before))
        self.register_outputs({})
