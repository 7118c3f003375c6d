"""Where a VirtualService leads: the hosts that it names, the gateways that it stands at, and what it delegates to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.istio_api.networking import Destination, VirtualService

MESH = "mesh"
"""The gateway that stands for every sidecar."""


class Way(NamedTuple):
    """What one VirtualService names, with every name in full."""

    hosts: tuple[str, ...]
    """For which it routes; none, if others delegate to it."""
    targets: tuple[str, ...]
    """To which it leads, copies included."""
    gateways: tuple[str, ...]
    """NAMESPACE/NAME of the Gateways that it stands at."""
    delegates: tuple[str, ...]
    """NAMESPACE/NAME of the VirtualServices that go on where it ends."""
    seen_by: tuple[str, ...]
    """The namespaces that it is exported to; none stands for all."""

    @property
    def of_sidecars(self) -> bool:
        """Whether callers in the mesh are all that it routes."""
        return bool(self.hosts) and not self.gateways

    @classmethod
    def of(cls, spec: VirtualService, namespace: str) -> Way:
        return cls(
            hosts=tuple(full_host(host, namespace) for host in spec.hosts),
            targets=tuple(dict.fromkeys(full_host(target.host, namespace) for target in _destinations(spec))),
            gateways=tuple(full_name(name, namespace) for name in spec.gateways if name != MESH),
            delegates=tuple(
                dict.fromkeys(
                    f"{route.delegate.namespace or namespace}/{route.delegate.name}"
                    for route in spec.http
                    if route.delegate is not None
                )
            ),
            seen_by=tuple(namespace if name == "." else name for name in spec.export_to if name != "*"),
        )


def _destinations(spec: VirtualService) -> Iterator[Destination]:
    for route in spec.http:
        yield from (share.destination for share in route.route)
        yield from (mirror.destination for mirror in route.mirrors)
        if route.mirror is not None:
            yield route.mirror
    for stream in (*spec.tls, *spec.tcp):
        yield from (share.destination for share in stream.route)


def full_host(host: str, namespace: str) -> str:
    """A host as istiod reads it: a name without dots is a service of the object's own namespace."""
    return host if "." in host or "*" in host else f"{host}.{namespace}.svc.cluster.local"


def full_name(name: str, namespace: str) -> str:
    """NAMESPACE/NAME of a Gateway, which may be named without its namespace."""
    return name if "/" in name else f"{namespace}/{name}"


def namespace_of(host: str) -> str | None:
    """The namespace of a Service by its full name."""
    parts = host.split(".")
    return parts[1] if parts[2:3] == ["svc"] else None
