"""All objects of a run, indexed once by what rules ask for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from meshlint import schemas
from meshlint.schemas.conform import Misfit, conform
from meshlint.view.fields import Json, elements, mapping, string_map, strings, text, value
from meshlint.view.hosts import HostIndex
from meshlint.view.kubernetes import WORKLOAD_KINDS, Service, ServiceEntry, Workload, selects
from meshlint.view.manifest import HELM_VALUES, Manifest
from meshlint.view.routing import DestinationRule, Gateway, HttpRoute, VirtualService
from meshlint.view.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from meshlint.view.selection import SelectorIndex
from meshlint.view.yaml_text import yaml_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from meshlint.environment import Environment
    from meshlint.finding import Path


@dataclass(slots=True)
class MeshConfig:
    """A MeshConfig and where it stands: in chart values, an IstioOperator, or istiod's ConfigMap."""

    obj: Manifest
    path: Path
    values: Json
    misfits: list[Misfit]

    def get(self, *keys: str) -> Any:
        """The value under nested keys; None where one is missing."""
        return value(self.values, *keys)


@dataclass(slots=True)
class Chart:
    """The values of one installed chart. Named CHART, CHART/RELEASE or CHART/NAMESPACE/RELEASE."""

    obj: Manifest
    name: str
    namespace: str
    release: str
    values: Json
    path: Path = ("values",)

    def get(self, *keys: str) -> Any:
        return value(self.values, *keys)


@dataclass(slots=True)
class GatewayWorkload:
    """A gateway's pods, known from a Deployment, a chart or an IstioOperator."""

    obj: Manifest
    path: Path
    name: str
    namespace: str
    labels: dict[str, str]
    service_account: str


class MeshView:
    """Every rule reads the objects through this. Indexes are built on first use, each in one pass."""

    def __init__(self, objects: Iterable[Mapping[str, Any]], *, environment: Environment, today: date) -> None:
        self.environment = environment
        self.today = today
        self.objects: list[Manifest] = [Manifest(raw, index) for index, raw in enumerate(objects)]
        self.by_kind: dict[str, list[Manifest]] = defaultdict(list)
        for obj in self.objects:
            self.by_kind[obj.kind].append(obj)

    # Which objects there are

    def istio(self, kind: str) -> list[Manifest]:
        """Istio's objects of a kind, not those of another API that shares its name (Gateway API, Knative).

        By name, so that what a rule says does not depend on the order of files.
        """
        return self._istio_by_kind.get(kind, [])

    @cached_property
    def _istio_by_kind(self) -> dict[str, list[Manifest]]:
        return {
            kind: sorted((obj for obj in found if obj.is_istio), key=lambda obj: (obj.namespace, obj.name))
            for kind, found in self.by_kind.items()
        }

    @cached_property
    def virtual_services(self) -> list[VirtualService]:
        return [VirtualService.read(obj) for obj in self.istio("VirtualService")]

    @cached_property
    def _virtual_services_by_host(self) -> dict[str, list[VirtualService]]:
        found: dict[str, list[VirtualService]] = defaultdict(list)
        for service in self.virtual_services:
            for host in dict.fromkeys((*service.hosts, *service.fqdns)):
                found[host].append(service)
        return found

    def virtual_services_of(self, host: str) -> list[VirtualService]:
        """The VirtualServices that name exactly this host, as written or as istiod resolves it."""
        return self._virtual_services_by_host.get(host, [])

    @cached_property
    def _virtual_services_by_covered_host(self) -> HostIndex[VirtualService]:
        return HostIndex((host, service) for host, found in self._virtual_services_by_host.items() for service in found)

    def virtual_services_covering(self, host: str) -> list[VirtualService]:
        """The VirtualServices whose hosts name this one, or cover it by a wildcard."""
        return list(dict.fromkeys(self._virtual_services_by_covered_host.covering(host)))

    @cached_property
    def http_routes(self) -> list[HttpRoute]:
        return [route for service in self.virtual_services for route in service.http]

    @cached_property
    def gateways(self) -> list[Gateway]:
        return [Gateway.read(obj) for obj in self.istio("Gateway")]

    @cached_property
    def gateway_by_key(self) -> dict[str, Gateway]:
        return {gateway.key: gateway for gateway in self.gateways}

    @cached_property
    def hosts_at_gateway(self) -> dict[str, set[str]]:
        """The hosts for which VirtualServices have HTTP routes at each gateway."""
        found: dict[str, set[str]] = defaultdict(set)
        for service in self.virtual_services:
            if service.http:
                for name in service.gateways:
                    found[name].update(service.fqdns)
        return found

    @cached_property
    def served_hosts(self) -> frozenset[str]:
        """Host patterns that ingress gateways serve."""
        return frozenset(
            host.lower()
            for gateway in self.gateways
            if not gateway.is_egress
            for server in gateway.servers
            for _, host in server.hosts
            if host != "*"
        )

    @cached_property
    def destination_rules(self) -> list[DestinationRule]:
        return [DestinationRule.read(obj) for obj in self.istio("DestinationRule")]

    @cached_property
    def destination_rules_by_host(self) -> dict[str, list[DestinationRule]]:
        """Rules of each host, the oldest first, as istiod merges them."""
        found: dict[str, list[DestinationRule]] = defaultdict(list)
        for rule in sorted(self.destination_rules, key=lambda rule: rule.age):
            found[rule.fqdn].append(rule)
        return found

    @cached_property
    def authorization_policies(self) -> list[AuthorizationPolicy]:
        return [AuthorizationPolicy.read(obj) for obj in self.istio("AuthorizationPolicy")]

    @cached_property
    def policies_by_namespace(self) -> dict[str, list[AuthorizationPolicy]]:
        found: dict[str, list[AuthorizationPolicy]] = defaultdict(list)
        for policy in self.authorization_policies:
            found[policy.obj.namespace].append(policy)
        return found

    @cached_property
    def policies_by_selector(self) -> SelectorIndex[AuthorizationPolicy]:
        return SelectorIndex((found.obj.namespace, found.selector, found) for found in self.authorization_policies)

    @cached_property
    def authentications_by_selector(self) -> SelectorIndex[RequestAuthentication]:
        return SelectorIndex((found.obj.namespace, found.selector, found) for found in self.request_authentications)

    @cached_property
    def authentication_namespaces(self) -> list[str]:
        return list(dict.fromkeys(found.obj.namespace for found in self.request_authentications))

    @cached_property
    def routes_by_claim(self) -> bool:
        """Whether some route looks at a claim of a verified token."""
        return any(
            name.startswith("@request.auth.")
            for route in self.http_routes
            for match in route.matches
            for name in mapping(match, "headers")
        )

    @cached_property
    def request_authentications(self) -> list[RequestAuthentication]:
        return [RequestAuthentication.read(obj) for obj in self.istio("RequestAuthentication")]

    @cached_property
    def peer_authentications(self) -> list[PeerAuthentication]:
        return [PeerAuthentication.read(obj) for obj in self.istio("PeerAuthentication")]

    @cached_property
    def charts(self) -> list[Chart]:
        found: list[Chart] = []
        for obj in self.by_kind.get(HELM_VALUES, ()):
            parts = obj.name.split("/")
            found.append(
                Chart(
                    obj,
                    parts[0],
                    parts[1] if len(parts) > 2 else "",
                    parts[-1] if len(parts) > 1 else "",
                    mapping(obj.body, "values"),
                )
            )
        return found

    def charts_named(self, *names: str) -> list[Chart]:
        return [chart for chart in self.charts if chart.name in names]

    @cached_property
    def istio_operators(self) -> list[Manifest]:
        return sorted(self.by_kind.get("IstioOperator", []), key=lambda obj: (obj.namespace, obj.name))

    # The mesh's own settings

    @cached_property
    def mesh_configs(self) -> list[MeshConfig]:
        schema = schemas.load("mesh_config")["MeshConfig"]
        found: list[MeshConfig] = []

        def add(obj: Manifest, path: Path, raw: object) -> None:
            if isinstance(raw, dict):
                misfits: list[Misfit] = []
                values = conform(_camel_case(cast("Json", raw), schema), schema, path, misfits)
                found.append(MeshConfig(obj, path, values or {}, misfits))

        for chart in self.charts_named("istiod"):
            add(chart.obj, (*chart.path, "meshConfig"), chart.values.get("meshConfig"))
        for operator in self.istio_operators:
            add(operator, ("spec", "meshConfig"), operator.spec.get("meshConfig"))
        for config_map in self.by_kind.get("ConfigMap", ()):
            if config_map.name == "istio" or config_map.name.startswith("istio-"):
                add(config_map, ("data", "mesh"), yaml_mapping(text(config_map.body, "data", "mesh")) or None)
        return found

    @cached_property
    def root_namespace(self) -> str:
        for config in self.mesh_configs:
            if config.get("rootNamespace"):
                return config.get("rootNamespace")
        return self.environment.root_namespace

    @cached_property
    def trust_domain(self) -> str:
        for config in self.mesh_configs:
            if config.get("trustDomain"):
                return config.get("trustDomain")
        return self.environment.trust_domain

    @cached_property
    def trust_domains(self) -> frozenset[str]:
        aliases = [alias for config in self.mesh_configs for alias in config.get("trustDomainAliases") or ()]
        return frozenset({self.trust_domain, "cluster.local", *aliases})

    @cached_property
    def registry_only(self) -> bool:
        return any(config.get("outboundTrafficPolicy", "mode") == "REGISTRY_ONLY" for config in self.mesh_configs)

    @cached_property
    def has_installation(self) -> bool:
        """Whether the objects show how Istio is installed, and so the settings of the whole mesh."""
        return bool(self.mesh_configs or self.charts_named("istiod"))

    # Services and workloads

    @cached_property
    def services(self) -> list[Service]:
        return [Service.read(obj, "cluster.local") for obj in self.by_kind.get("Service", ()) if obj.group == ""]

    @cached_property
    def services_by_namespace(self) -> dict[str, list[Service]]:
        found: dict[str, list[Service]] = defaultdict(list)
        for service in self.services:
            found[service.obj.namespace].append(service)
        return found

    @cached_property
    def service_by_fqdn(self) -> dict[str, Service]:
        return {service.fqdn: service for service in self.services}

    @cached_property
    def service_names(self) -> frozenset[str]:
        """`name.namespace` of every Service: what people write where Istio does not expand it."""
        return frozenset(f"{service.obj.name}.{service.obj.namespace}" for service in self.services)

    @cached_property
    def service_entries(self) -> list[ServiceEntry]:
        return [ServiceEntry.read(obj) for obj in self.istio("ServiceEntry")]

    @cached_property
    def service_entries_by_host(self) -> dict[str, list[ServiceEntry]]:
        found: dict[str, list[ServiceEntry]] = defaultdict(list)
        for entry in self.service_entries:
            for host in entry.hosts:
                found[host].append(entry)
        return found

    @cached_property
    def _entries_by_pattern(self) -> HostIndex[ServiceEntry]:
        return HostIndex((host, entry) for entry in self.service_entries for host in entry.hosts)

    def entries_for(self, host: str, viewer: str | None = None) -> list[ServiceEntry]:
        """The service entries that put `host` into the registry, by name or by wildcard.

        With `viewer`, only those that the proxies of that namespace see.
        """
        found = self._entries_by_pattern.covering(host)
        return [entry for entry in found if viewer is None or entry.visible_in(viewer)]

    def knows_host(self, host: str, viewer: str | None = None) -> bool:
        return host in self.service_by_fqdn or bool(self.entries_for(host, viewer))

    @cached_property
    def workloads(self) -> list[Workload]:
        return [Workload.read(obj) for kind in WORKLOAD_KINDS for obj in self.by_kind.get(kind, ())]

    @cached_property
    def workloads_by_namespace(self) -> dict[str, list[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            found[workload.namespace].append(workload)
        return found

    @cached_property
    def _workloads_by_label(self) -> dict[tuple[str, str, str], list[Workload]]:
        found: dict[tuple[str, str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            for name, content in workload.labels.items():
                found[workload.namespace, name, content].append(workload)
        return found

    @cached_property
    def _workloads_by_label_anywhere(self) -> dict[tuple[str, str], list[Workload]]:
        found: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            for name, content in workload.labels.items():
                found[name, content].append(workload)
        return found

    def select(self, namespace: str | None, selector: dict[str, str]) -> list[Workload]:
        """The workloads that carry all labels of `selector`, in one namespace or (None) in all."""
        if not selector:
            return self.workloads if namespace is None else self.workloads_by_namespace.get(namespace, [])
        candidates: Sequence[Workload] | None = None
        for name, wanted in selector.items():
            carrying: Sequence[Workload] = (
                self._workloads_by_label_anywhere.get((name, wanted), ())
                if namespace is None
                else self._workloads_by_label.get((namespace, name, wanted), ())
            )
            if candidates is None or len(carrying) < len(candidates):
                candidates = carrying
        return [workload for workload in candidates or () if selects(selector, workload.labels)]

    def backends(self, service: Service) -> list[Workload]:
        """The workloads behind a Service."""
        return self.select(service.obj.namespace, service.selector) if service.selector else []

    @cached_property
    def namespaces(self) -> dict[str, Manifest]:
        return {obj.name: obj for obj in self.by_kind.get("Namespace", ())}

    @cached_property
    def namespace_names(self) -> frozenset[str]:
        """Namespaces that exist, or that some object is in."""
        return frozenset(self.namespaces) | {obj.namespace for obj in self.objects if obj.namespace}

    @cached_property
    def service_accounts(self) -> frozenset[tuple[str, str]]:
        """(namespace, name) of every service account that an object declares or uses."""
        declared = {(obj.namespace, obj.name) for obj in self.by_kind.get("ServiceAccount", ())}
        used = {(workload.namespace, workload.service_account) for workload in self.workloads}
        gateways = {(gateway.namespace, gateway.service_account) for gateway in self.gateway_workloads}
        return frozenset(declared | used | gateways)

    # Gateways' pods

    @cached_property
    def gateway_workloads(self) -> list[GatewayWorkload]:
        found = [
            GatewayWorkload(
                workload.obj,
                workload.pod_path,
                workload.obj.name,
                workload.namespace,
                workload.labels,
                workload.service_account,
            )
            for workload in self.workloads
            if _is_gateway(workload)
        ]
        for chart in self.charts_named("gateway"):
            name = chart.get("name") or chart.release or "istio-ingressgateway"
            labels = {"app": name, "istio": str(name).removeprefix("istio-"), **string_map(chart.values, "labels")}
            account = chart.get("serviceAccount", "name") or name
            found.append(
                GatewayWorkload(chart.obj, chart.path, str(name), chart.namespace or "default", labels, str(account))
            )
        return found

    @cached_property
    def operator_gateways(self) -> list[GatewayWorkload]:
        """Gateways that an IstioOperator asks istioctl for. Their service accounts are named as istioctl does."""
        found: list[GatewayWorkload] = []
        for operator in self.istio_operators:
            for block in ("ingressGateways", "egressGateways"):
                for position, entry in enumerate(elements(operator.spec, "components", block)):
                    name = text(entry, "name")
                    found.append(
                        GatewayWorkload(
                            operator, ("spec", "components", block, position), name,
                            text(entry, "namespace") or operator.namespace,
                            {"app": name, "istio": name.removeprefix("istio-"), **string_map(entry, "label")},
                            f"{name}-service-account",
                        )
                    )  # fmt: skip
        return found

    # What serves MCP

    @cached_property
    def mcp_hosts(self) -> frozenset[str]:
        """Hosts that serve MCP: a route says so by its path, or the name does by the word `mcp`."""
        found: set[str] = set()
        for service in self.virtual_services:
            for route in service.http:
                if self._names_mcp_path(route):
                    found.update(service.fqdns)
                    found.update(destination.fqdn for destination in route.destinations)
            found.update(host for host in service.fqdns if _says_mcp(host))
            found.update(
                target.fqdn for route in service.http for target in route.destinations if _says_mcp(target.fqdn)
            )
        found.update(service.fqdn for service in self.services if _says_mcp(service.fqdn))
        found.update(rule.fqdn for rule in self.destination_rules if _says_mcp(rule.fqdn))
        found.discard("*")
        return frozenset(found)

    def _names_mcp_path(self, route: HttpRoute) -> bool:
        for match in route.matches:
            named = (text(match, "uri", kind) for kind in ("exact", "prefix"))
            if any(path.startswith(self.environment.mcp_paths) for path in named):
                return True
        return False

    def mcp_path_of(self, route: HttpRoute) -> str:
        """The MCP path that requests on this route may have, if an MCP server is behind it; else an empty string."""
        if not any(destination.fqdn in self.mcp_hosts for destination in route.destinations):
            return ""
        return next((path for path in self.environment.mcp_paths if route.takes_path(path)), "")


def _says_mcp(host: str) -> bool:
    return "mcp" in host.partition(".")[0].split("-")


def _is_gateway(workload: Workload) -> bool:
    return (
        workload.annotations.get("inject.istio.io/templates") == "gateway"
        or "gateway.networking.k8s.io/gateway-name" in workload.labels
        or workload.labels.get("istio", "").endswith(("gateway", "ingress", "egress"))
        or any("router" in strings(container, "args") for container in elements(workload.pod_spec, "containers"))
    )


def _camel_case(raw: Json, schema: Json) -> Json:
    """MeshConfig may be written with the proto's own names (`access_log_file`)."""
    renamed: Json = {}
    for key, inner in raw.items():
        name = str(key)
        head, *rest = name.split("_")
        camel = head + "".join(part.capitalize() for part in rest)
        renamed[camel if name not in schema and camel in schema else name] = inner
    return renamed
