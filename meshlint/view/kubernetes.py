"""Services, workloads and service entries: what Istio's registry knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, string_map, strings, text, value, whole

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest

WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")


@dataclass(slots=True)
class Port:
    number: int
    name: str
    target: int | str
    protocol: str
    """What Istio speaks there: `http`, `http2`, `grpc`, `tcp`, ...; empty where Istio has to sniff."""


def _protocol(name: str, app_protocol: str) -> str:
    if app_protocol:
        return app_protocol.removeprefix("kubernetes.io/").lower()
    return name.partition("-")[0].lower() if name.partition("-")[0].lower() in _KNOWN_PROTOCOLS else ""


_KNOWN_PROTOCOLS = frozenset(
    {"http", "http2", "https", "grpc", "tcp", "tls", "mongo", "redis", "mysql", "udp", "hbone", "h2c"}
)


@dataclass(slots=True, eq=False)
class Service:
    obj: Manifest
    fqdn: str
    selector: dict[str, str]
    ports: list[Port]

    @classmethod
    def read(cls, obj: Manifest, domain: str) -> Service:
        ports = [
            Port(
                whole(raw, "port") or 0,
                text(raw, "name"),
                value(raw, "targetPort") or whole(raw, "port") or 0,
                _protocol(text(raw, "name"), text(raw, "appProtocol")),
            )
            for raw in elements(obj.spec, "ports")
        ]
        return cls(obj, f"{obj.name}.{obj.namespace}.svc.{domain}".lower(), string_map(obj.spec, "selector"), ports)


@dataclass(slots=True, eq=False)
class ServiceEntry:
    obj: Manifest
    hosts: tuple[str, ...]
    ports: list[Port]
    resolution: str
    external: bool
    export_to: tuple[str, ...]

    def visible_in(self, namespace: str) -> bool:
        """Whether proxies of a namespace see the entry."""
        if not self.export_to or "*" in self.export_to or namespace in self.export_to:
            return True
        return "." in self.export_to and namespace == self.obj.namespace

    @classmethod
    def read(cls, obj: Manifest) -> ServiceEntry:
        spec = obj.spec
        return cls(
            obj,
            tuple(host.lower() for host in strings(spec, "hosts")),
            [
                Port(
                    whole(raw, "number") or 0,
                    text(raw, "name"),
                    whole(raw, "targetPort") or whole(raw, "number") or 0,
                    text(raw, "protocol").lower(),
                )
                for raw in elements(spec, "ports")
            ],
            text(spec, "resolution") or "NONE",
            text(spec, "location") != "MESH_INTERNAL",
            tuple(strings(spec, "exportTo")),
        )


@dataclass(slots=True, eq=False)
class Workload:
    obj: Manifest
    labels: dict[str, str]
    """Labels of its pods."""
    annotations: dict[str, str]
    pod_spec: Json
    pod_path: Path
    replicas: int | None

    @property
    def namespace(self) -> str:
        return self.obj.namespace

    @property
    def service_account(self) -> str:
        return text(self.pod_spec, "serviceAccountName") or "default"

    @property
    def container_ports(self) -> set[int]:
        return {
            whole(port, "containerPort") or 0
            for container in elements(self.pod_spec, "containers")
            for port in elements(container, "ports")
        }

    @classmethod
    def read(cls, obj: Manifest) -> Workload:
        path: Path
        if obj.kind == "Pod":
            return cls(obj, obj.labels, obj.annotations, obj.spec, ("spec",), None)
        holder, path = obj.spec, ("spec", "template")
        if obj.kind == "CronJob":
            holder = mapping(obj.spec, "jobTemplate", "spec")
            path = ("spec", "jobTemplate", "spec", "template")
        template = mapping(holder, "template")
        return cls(
            obj,
            string_map(template, "metadata", "labels"),
            string_map(template, "metadata", "annotations"),
            mapping(template, "spec"),
            (*path, "spec"),
            whole(obj.spec, "replicas"),
        )


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())
