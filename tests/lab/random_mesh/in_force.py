"""Waiting until a mesh does what its API server says: istiod knows every object, and every proxy has taken them.

Quiet alone could be the quiet before a watch delivers. So istiod is asked which versions of which objects it holds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from tests.lab.kubectl import ISTIO_SYSTEM
from tests.lab.running_lab import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.running_lab import RunningLab

_DEBUG_PORT = 8080
_RECEIVED_SECONDS = 60.0


def wait_in_force(lab: RunningLab, objects: Iterable[dict[str, Any]]) -> None:
    """Until every proxy runs with these objects, which are the API server's, and with MeshConfig as it is there.

    Raises:
        UpdateRejectedError: a proxy refused an update.
        NotSyncedError: a proxy is behind.
    """
    eventually(lambda: _knows_providers(lab), within=_RECEIVED_SECONDS, what="istiod has the settings of the mesh")
    wanted = {_identity(one) for one in objects if "istio.io" in one["apiVersion"]}
    kinds = {kind for kind, *_ in wanted}
    eventually(
        lambda: wanted == _held(lab, kinds), within=_RECEIVED_SECONDS, what="istiod holds what the API server has"
    )
    lab.objects.wait_synced()


def _identity(one: dict[str, Any]) -> tuple[str, str, str, str]:
    metadata = one["metadata"]
    return one["kind"], metadata["namespace"], metadata["name"], metadata["resourceVersion"]


def _held(lab: RunningLab, kinds: set[str]) -> set[tuple[str, str, str, str]]:
    (pod,) = lab.pods(ISTIO_SYSTEM, "app=istiod")
    items: list[dict[str, Any]] = json.loads(pod.fetch(_DEBUG_PORT, "/debug/configz"))
    return {_identity(one) for one in items if one["kind"] in kinds}


def _knows_providers(lab: RunningLab) -> bool:
    """Whether istiod has MeshConfig's services that policies and telemetry name: without them all of it is refused."""
    written = yaml.safe_load(lab.core.read_namespaced_config_map("istio", ISTIO_SYSTEM).data["mesh"])
    (pod,) = lab.pods(ISTIO_SYSTEM, "app=istiod")
    read = json.loads(pod.fetch(_DEBUG_PORT, "/debug/mesh"))
    wanted, held = ({one["name"] for one in found.get("extensionProviders", ())} for found in (written, read))
    return wanted <= held
