"""The mesh configuration that istiod reads, changed for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.lab.kubectl import ISTIO_SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.lab.running_lab import RunningLab

CONFIG_MAP = "istio"


def edited(lab: RunningLab, edit: Callable[[dict[str, Any]], object]) -> AbstractContextManager[None]:
    """The mesh with `edit` applied to its configuration. istiod takes it over a moment later: wait for what follows."""

    def edit_map(config_map: dict[str, Any]) -> None:
        mesh = yaml.safe_load(config_map["data"]["mesh"])
        edit(mesh)
        config_map["data"]["mesh"] = yaml.safe_dump(mesh)

    return lab.objects.edited("ConfigMap", ISTIO_SYSTEM, CONFIG_MAP, edit_map)


def provider(mesh: dict[str, Any], name: str) -> dict[str, Any]:
    """One of its extension providers."""
    (found,) = (one for one in mesh["extensionProviders"] if one["name"] == name)
    return found
