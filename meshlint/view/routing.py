"""VirtualServices, Gateways and DestinationRules, read once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, string_map, strings, text, whole
from meshlint.view.hosts import fqdn
from meshlint.view.strings import METHODS, matches, methods_of, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest

MESH_GATEWAY = "mesh"


@dataclass(slots=True)
class Destination:
    """Where a route, or a mirror, sends requests."""

    path: Path
    host: str
    fqdn: str
    subset: str
    port: int | None
    weight: int | None = None
    refused: str = ""
    """Half a sentence why requests for it are answered with 500; only Gateway API knows such."""


@dataclass(slots=True, eq=False)
class HttpRoute:
    """One entry of `spec.http`."""

    owner: VirtualService
    path: Path
    raw: Json
    destinations: list[Destination]
    mirrors: list[Destination]
    matches: list[Json]
    timeout: float | None

    @property
    def obj(self) -> Manifest:
        return self.owner.obj

    @property
    def name(self) -> str:
        return text(self.raw, "name")

    def follow(self, delegate: VirtualService) -> None:
        """Take the destinations of the VirtualService that this route delegates to for its own."""
        path = (*self.path, "delegate")
        for route in delegate.http:
            self.destinations += [replace(target, path=path) for target in route.destinations]
            self.mirrors += [replace(target, path=path) for target in route.mirrors]

    @property
    def is_weighted(self) -> bool:
        return sum(1 for destination in self.destinations if destination.weight != 0) > 1

    @property
    def takes_everything(self) -> bool:
        """Whether the route takes any request that comes through one of its VirtualService's gateways."""
        return not self.matches or any(not set(match) - {"name", "gateways"} for match in self.matches)

    def takes_path(self, path: str) -> bool:
        """Whether some request for `path` could take this route."""
        return not self.matches or any(match_takes_path(match, path) for match in self.matches)

    def methods(self, path: str | None = None) -> frozenset[str]:
        """The methods that could take this route, for `path` if given."""
        if not self.matches:
            return frozenset(METHODS)
        taken: set[str] = set()
        for match in self.matches:
            if path is None or match_takes_path(match, path):
                taken |= methods_of(match)
        return frozenset(taken)

    def is_taken_before(self, path: str) -> bool:
        """Whether routes above take every request for `path` that this one would."""
        above: list[Json] = []
        for other in self.owner.http:
            if other is self:
                break
            above += [match for match in other.matches if match_takes_path(match, path)]
        own = [match for match in self.matches or [{}] if match_takes_path(match, path)]
        return all(any(_asks_no_more(wide, match) for wide in above) for match in own)

    def gateways_of(self, match: Json) -> tuple[str, ...]:
        """The gateways for which one match holds."""
        named = strings(match, "gateways")
        if not named:
            return self.owner.gateways
        return tuple(qualified_gateway(name, self.owner.obj.namespace) for name in named)

    @property
    def on_gateway(self) -> bool:
        """Whether requests from outside the mesh can take this route."""
        if not self.matches:
            return self.owner.on_gateway
        return any(name != MESH_GATEWAY for match in self.matches for name in self.gateways_of(match))


def match_takes_path(match: Json, path: str) -> bool:
    return matches(mapping(match, "uri"), path, ignore_case=match.get("ignoreUriCase") is True)


def _asks_no_more(wide: Json, narrow: Json) -> bool:
    """Whether a match has no condition beside its path that the other does not have, too."""
    return all(narrow.get(name) == asked for name, asked in wide.items() if name not in ("uri", "name", "statPrefix"))


def qualified_gateway(name: str, namespace: str) -> str:
    """`mesh`, or NAMESPACE/NAME: a bare name is a Gateway of the VirtualService's own namespace."""
    if name == MESH_GATEWAY or "/" in name:
        return name
    return f"{namespace}/{name}"


@dataclass(slots=True, eq=False)
class VirtualService:
    obj: Manifest
    hosts: tuple[str, ...]
    fqdns: tuple[str, ...]
    gateways: tuple[str, ...]
    spec: Json
    """As it stands in the object, or as istiod makes it of a route of Gateway API."""
    http: list[HttpRoute] = field(default_factory=list[HttpRoute])
    layer4: list[Destination] = field(default_factory=list[Destination])
    """Destinations of `spec.tls` and `spec.tcp`."""
    from_gateway_api: bool = False

    @property
    def in_mesh(self) -> bool:
        return MESH_GATEWAY in self.gateways

    @property
    def on_gateway(self) -> bool:
        return any(name != MESH_GATEWAY for name in self.gateways)

    @property
    def looks_at_claims(self) -> bool:
        """Whether some route matches a claim of a verified token."""
        return any(
            name.startswith("@request.auth.")
            for route in self.http
            for match in route.matches
            for name in mapping(match, "headers")
        )

    @property
    def age(self) -> tuple[bool, str, str, str]:
        """Sort key of istiod: the oldest object comes first, then by name and namespace."""
        return (not self.obj.created, self.obj.created, self.obj.name, self.obj.namespace)

    @classmethod
    def read(cls, obj: Manifest) -> VirtualService:
        spec = obj.spec
        hosts = tuple(strings(spec, "hosts"))
        names = strings(spec, "gateways") or [MESH_GATEWAY]
        service = cls(
            obj,
            hosts,
            tuple(fqdn(host, obj.namespace) for host in hosts),
            tuple(qualified_gateway(name, obj.namespace) for name in names),
            spec,
        )
        for position, raw in enumerate(elements(spec, "http")):
            service.http.append(http_route(service, ("spec", "http", position), raw))
        service.read_connections()
        return service

    def read_connections(self) -> None:
        """Fill `layer4`."""
        for block in ("tls", "tcp"):
            for position, raw in enumerate(elements(self.spec, block)):
                for number, entry in enumerate(elements(raw, "route")):
                    path: Path = ("spec", block, position, "route", number)
                    self.layer4.append(_weighted(entry, path, self.obj.namespace))


def http_route(owner: VirtualService, path: Path, raw: Json) -> HttpRoute:
    namespace = owner.obj.namespace
    mirrors: list[Destination] = []
    if "mirror" in raw:
        mirrors.append(_destination(mapping(raw, "mirror"), (*path, "mirror"), namespace))
    for number, entry in enumerate(elements(raw, "mirrors")):
        mirrors.append(
            _destination(mapping(entry, "destination"), (*path, "mirrors", number, "destination"), namespace)
        )
    return HttpRoute(
        owner=owner,
        path=path,
        raw=raw,
        destinations=[
            _weighted(entry, (*path, "route", number), namespace) for number, entry in enumerate(elements(raw, "route"))
        ],
        mirrors=mirrors,
        matches=elements(raw, "match"),
        timeout=seconds(raw.get("timeout")),
    )


def _weighted(entry: Json, path: Path, namespace: str) -> Destination:
    destination = _destination(mapping(entry, "destination"), (*path, "destination"), namespace)
    destination.weight = whole(entry, "weight")
    destination.refused = text(entry, "refused")
    return destination


def _destination(raw: Json, path: Path, namespace: str) -> Destination:
    host = text(raw, "host")
    return Destination(path, host, fqdn(host, namespace), text(raw, "subset"), whole(raw, "port", "number"))


@dataclass(slots=True, eq=False)
class Server:
    """One entry of a Gateway's `spec.servers`."""

    owner: Gateway
    path: Path
    raw: Json
    number: int
    protocol: str
    tls: Json
    hosts: tuple[tuple[str, str], ...]
    """(namespace or `*`, host pattern) of each host."""

    @property
    def obj(self) -> Manifest:
        return self.owner.obj

    @property
    def is_http(self) -> bool:
        """Whether Envoy reads requests here: plain HTTP, or TLS that the gateway ends."""
        if self.protocol in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB"):
            return True
        return self.protocol == "HTTPS" and self.tls.get("mode") not in ("PASSTHROUGH", "AUTO_PASSTHROUGH")

    @property
    def redirects(self) -> bool:
        return self.tls.get("httpsRedirect") is True

    @property
    def ends_tls(self) -> bool:
        return self.protocol in ("HTTPS", "TLS") and self.tls.get("mode", "SIMPLE") not in (
            "PASSTHROUGH",
            "AUTO_PASSTHROUGH",
        )


@dataclass(slots=True, eq=False)
class Gateway:
    obj: Manifest
    key: str
    selector: dict[str, str]
    servers: list[Server] = field(default_factory=list[Server])
    home: str = ""
    """The only namespace whose pods it selects; empty: any."""

    def is_on(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether pods in a namespace, with these labels, open its servers."""
        if self.home not in ("", namespace):
            return False
        return all(labels.get(name) == value for name, value in self.selector.items())

    @property
    def is_egress(self) -> bool:
        """Whether traffic leaves here: the selector says so, or only workloads of the mesh can open its servers."""
        if any("egress" in value for value in self.selector.values()):
            return True
        return bool(self.servers) and all(text(server.tls, "mode") == "ISTIO_MUTUAL" for server in self.servers)

    @classmethod
    def read(cls, obj: Manifest) -> Gateway:
        gateway = cls(obj, f"{obj.namespace}/{obj.name}", string_map(obj.spec, "selector"))
        for position, raw in enumerate(elements(obj.spec, "servers")):
            gateway.servers.append(
                Server(
                    owner=gateway,
                    path=("spec", "servers", position),
                    raw=raw,
                    number=whole(raw, "port", "number") or 0,
                    protocol=text(raw, "port", "protocol").upper(),
                    tls=mapping(raw, "tls"),
                    hosts=tuple(_server_host(host, obj.namespace) for host in strings(raw, "hosts")),
                )
            )
        return gateway


def _server_host(host: str, own_namespace: str) -> tuple[str, str]:
    namespace, slash, name = host.rpartition("/")
    if not slash:
        return "*", name
    return (own_namespace if namespace == "." else namespace), name


@dataclass(slots=True, eq=False)
class Subset:
    path: Path
    name: str
    labels: dict[str, str]
    policy: Json


@dataclass(slots=True, eq=False)
class DestinationRule:
    obj: Manifest
    host: str
    fqdn: str
    policy: Json
    subsets: list[Subset]
    selector: tuple[tuple[str, str], ...]
    """The `workloadSelector` labels: rules with different ones do not meet."""

    @property
    def age(self) -> tuple[bool, str, str, str]:
        return (not self.obj.created, self.obj.created, self.obj.name, self.obj.namespace)

    @classmethod
    def read(cls, obj: Manifest) -> DestinationRule:
        spec = obj.spec
        host = text(spec, "host")
        return cls(
            obj,
            host,
            fqdn(host, obj.namespace),
            mapping(spec, "trafficPolicy"),
            [
                Subset(
                    ("spec", "subsets", position),
                    text(raw, "name"),
                    string_map(raw, "labels"),
                    mapping(raw, "trafficPolicy"),
                )
                for position, raw in enumerate(elements(spec, "subsets"))
            ],
            tuple(sorted(string_map(spec, "workloadSelector", "matchLabels").items())),
        )

    def policies(self) -> list[tuple[Path, Json]]:
        """Every traffic policy of the rule with its path: the rule's, its ports', its subsets', their ports'."""
        found: list[tuple[Path, Json]] = []
        levels: list[tuple[Path, Json]] = [(("spec", "trafficPolicy"), self.policy)]
        levels += [((*subset.path, "trafficPolicy"), subset.policy) for subset in self.subsets]
        for path, policy in levels:
            if policy:
                found.append((path, policy))
            for number, port in enumerate(elements(policy, "portLevelSettings")):
                found.append(((*path, "portLevelSettings", number), port))
        return found
