"""Every name of an Envoy extension that an object says, wherever it says it.

| where | what is taken for a name |
|---|---|
| `match` of an EnvoyFilter | the filter, sub-filter or listener filter that it looks for |
| `typed_config` at any depth | the `name` beside it; without one, in a merge, the filter that the patch matches |
| `@type`, and `type_url` of a TypedStruct | the package of the message: `envoy.extensions.X.v3.M` is of `envoy.X` |
| any other text or key | all of it, where it is spelled like a name: `typed_per_filter_config` has names as keys |
| `extensionProviders` of the mesh configuration | the extension that istiod configures for the kind of provider |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Named:
    """A name, and the path at which it is said."""

    name: str
    path: str

    def __str__(self) -> str:
        return f"{self.path}: {self.name}"


NAMELESS = "(a typed_config without a name beside it)"
UNTYPED = "(a TypedStruct without type_url)"

_SPELLED_LIKE_A_NAME = re.compile(r"(envoy|istio)(\.[a-z0-9_]+)+")
_MESSAGE = re.compile(r"envoy\.extensions\.(?P<package>.+)\.v\d+\.\w+")
_TYPED_STRUCTS = ("udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct")

_NO_EXTENSIONS = {
    # A key of the filter state, which Envoy's core reads. https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/well_known_filter_state
    "envoy.network.upstream_server_name",
    # A namespace of the metadata.
    "envoy.lb",
}

_OF_THE_MESH = re.compile(r"mcp\.[a-z-]+")
"""A filter's own name, beside Istio's of the same type: Envoy goes by the type, which is looked at too."""

_OF_PROVIDERS = {
    "envoyExtAuthzGrpc": "envoy.filters.http.ext_authz",
    "envoyExtAuthzHttp": "envoy.filters.http.ext_authz",
    "envoyFileAccessLog": "envoy.access_loggers.file",
    "opentelemetry": "envoy.tracers.opentelemetry",
    "prometheus": "istio.stats",
    "zipkin": "envoy.tracers.zipkin",
}


def in_object(manifest: Mapping[str, Any]) -> Iterator[Named]:
    """The names in an object of the cluster."""
    metadata = manifest["metadata"]
    where = f"{manifest['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    if manifest["kind"] != "EnvoyFilter":
        yield from _anywhere(manifest, where)
        return
    for index, patch in enumerate(manifest["spec"].get("configPatches", [])):
        path = f"{where} configPatches[{index}]"
        matched = list(_matched(patch.get("match", {}), f"{path}.match"))
        yield from matched
        innermost = matched[-1].name if matched else None
        yield from _anywhere(patch.get("patch", {}).get("value", {}), f"{path}.patch.value", innermost)


def in_mesh_config(config: Mapping[str, Any]) -> Iterator[Named]:
    """The names in the mesh configuration, and those of the extensions behind its providers."""
    yield from _anywhere(config, "MeshConfig")
    for provider in config.get("extensionProviders", []):
        (kind,) = provider.keys() - {"name"}
        name = _OF_PROVIDERS.get(kind, f"(nobody has said which extension is behind {kind})")
        yield Named(name, f"MeshConfig extensionProviders {provider['name']}")


def in_chart_values(chart: str, values: Mapping[str, Any]) -> Iterator[Named]:
    """The names in a chart's values, such as a bootstrap of a proxy."""
    yield from _anywhere(values, chart)


def of_message(url: str) -> str:
    """The extension that a message configures, told by its package; what has another package is called by itself."""
    message = url.rpartition("/")[2]
    found = _MESSAGE.fullmatch(message)
    return f"envoy.{found['package']}" if found else message


def _matched(match: Mapping[str, Any], path: str) -> Iterator[Named]:
    """From the outermost to the innermost."""
    listener = match.get("listener", {})
    if "listenerFilter" in listener:
        yield Named(listener["listenerFilter"], f"{path}.listener.listenerFilter")
    searched = listener.get("filterChain", {}).get("filter", {})
    for field, filter_ in (("filter", searched), ("subFilter", searched.get("subFilter", {}))):
        if "name" in filter_:
            yield Named(filter_["name"], f"{path}.{field}.name")


def _anywhere(value: Any, path: str, merged_into: str | None = None) -> Iterator[Named]:
    if isinstance(value, Mapping):
        yield from _in_mapping(value, path, merged_into)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _anywhere(entry, f"{path}[{index}]")
    elif isinstance(value, str):
        yield from _spelled(value, path)


def _in_mapping(value: Mapping[str, Any], path: str, merged_into: str | None) -> Iterator[Named]:
    if "typed_config" in value or "typedConfig" in value:
        name = value.get("name") or merged_into or NAMELESS
        if not _OF_THE_MESH.fullmatch(name):
            yield Named(name, path)
    if "@type" in value:
        if value["@type"].rpartition("/")[2] in _TYPED_STRUCTS:
            yield Named(of_message(value.get("type_url") or value.get("typeUrl") or UNTYPED), f"{path}.type_url")
        else:
            yield Named(of_message(value["@type"]), f"{path}.@type")
    for key, below in value.items():
        yield from _spelled(key, path)
        if key not in ("@type", "type_url", "typeUrl"):
            yield from _anywhere(below, f"{path}.{key}")


def _spelled(text: str, path: str) -> Iterator[Named]:
    if _SPELLED_LIKE_A_NAME.fullmatch(text) and text not in _NO_EXTENSIONS:
        yield Named(text, path)
