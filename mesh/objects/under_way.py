"""What the change of an object does to requests and sessions that are under way, as sentences for a preview.

Envoy takes a changed listener as a new one: the old one is drained, and what is still open on it is cut when the drain
time is over. Routes are exchanged without that, but a session whose route is gone is over at once.
https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/draining
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Manifest = Mapping[str, Any]

_OF_LISTENERS = frozenset(
    {
        "AuthorizationPolicy", "Gateway", "PeerAuthentication", "RequestAuthentication", "Telemetry",
        "TrafficExtension", "WasmPlugin",
    }
)  # fmt: skip
_PATCHES_OF_LISTENERS = frozenset({"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"})

KINDS = _OF_LISTENERS | {"EnvoyFilter", "VirtualService"}
"""Kinds of which a change may say something."""


class Proxies(NamedTuple):
    """The proxies that an object is for."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    """None: every proxy of the namespace, and in the root namespace of the mesh."""

    def __str__(self) -> str:
        if self.namespace == ROOT_NAMESPACE and not self.labels:
            return "all proxies of the mesh"
        selected = ",".join(f"{name}={value}" for name, value in self.labels)
        return f"the proxies of {self.namespace}" + (f" with {selected}" if selected else "")


def drained(before: Manifest, after: Manifest) -> Proxies | None:
    """The proxies that take the change as a new listener."""
    if _spec(before) == _spec(after):
        return None
    if not any(map(touches_listener, (before, after))):
        return None
    return Proxies(after["metadata"]["namespace"], tuple(sorted(selected_labels(after).items())))


def touches_listener(manifest: Manifest) -> bool:
    """Whether the object becomes part of a listener."""
    if manifest["kind"] != "EnvoyFilter":
        return manifest["kind"] in _OF_LISTENERS
    patches: Iterable[Manifest] = _spec(manifest).get("configPatches", ())
    return any(patch.get("applyTo") in _PATCHES_OF_LISTENERS for patch in patches)


def selected_labels(manifest: Manifest) -> Mapping[str, str]:
    """Labels of the proxies that the object is for; without any it is for all of its namespace, or of the mesh."""
    spec = _spec(manifest)
    selector: Manifest = spec.get("workloadSelector") or spec.get("selector") or {}
    # A Gateway's selector is the labels themselves.
    return selector if manifest["kind"] == "Gateway" else selector.get("labels") or selector.get("matchLabels") or {}


def _spec(manifest: Manifest) -> Manifest:
    return manifest.get("spec") or {}


_SESSIONS = re.compile(r"(?P<app>[^./]+)\.mcp\.session-(?P<version>[^.]+)(\.unsized)?")


def ended_sessions(before: Manifest, after: Manifest) -> Iterator[str]:
    """The versions of an app, each as a sentence, whose open MCP sessions lead nowhere after the change."""
    if after["kind"] != "VirtualService":
        return
    gone = _versions_with_sessions(before) - _versions_with_sessions(after)
    for app, version in sorted(gone):
        which = f"apps.{app}" if version == "any" else f"apps.{app}.versions.{version}"
        yield f"{which}: its open MCP sessions end with this change: 404, and clients begin anew"


def _versions_with_sessions(service: Manifest) -> set[tuple[str, str]]:
    routes: Iterable[Manifest] = _spec(service).get("http", ())
    names: list[str] = [route.get("name", "") for route in routes]
    return {(found["app"], found["version"]) for name in names if (found := _SESSIONS.fullmatch(name))}
