"""Routes that an EnvoyFilter narrows by the request's dynamic metadata, for which a VirtualService has no word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest


def narrowing(envoy_filters: Iterable[Manifest]) -> Mapping[str, tuple[Json, ...]]:
    """Envoy's metadata matchers by the name of the route that they are merged into."""
    found: dict[str, tuple[Json, ...]] = {}
    for obj in envoy_filters:
        for patch in elements(obj.spec, "configPatches"):
            if text(patch, "applyTo") != "HTTP_ROUTE" or text(patch, "patch", "operation") != "MERGE":
                continue
            name = text(patch, "match", "routeConfiguration", "vhost", "route", "name")
            match = mapping(patch, "patch", "value", "match")
            added = (*elements(match, "dynamic_metadata"), *elements(match, "dynamicMetadata"))
            if name and added:
                found[name] = (*found.get(name, ()), *added)
    return found
