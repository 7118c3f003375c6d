"""Control planes that run although a stack no longer declares them, and the proxies that still follow them.

A proxy finds its istiod by the revision that injected it, for as long as its pod lives. Without it the pod goes on by
what it knows, gets no change, and loses its certificate within a day.
https://istio.io/latest/docs/setup/upgrade/canary/#uninstall-old-control-plane
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
from chatgpt_mesh.control_plane.installation import ISTIOD, REVISION, InstallationApi, of_revision
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.control_plane.kubernetes_api import Api
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_NAMED = 5


class RevisionsApi(Api, InstallationApi, Protocol):
    """The little of a cluster that is read."""


def followed(api: RevisionsApi, declared: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Revision -> the proxies (POD.NAMESPACE) connected to its istiods, of those that run and are not `declared`.

    `default` is the control plane without a name. One that answers nobody serves nobody.
    """
    running = {one.labels.get(REVISION, "default") for one in api.deployments(ROOT_NAMESPACE, ISTIOD)}
    found: dict[str, Sequence[str]] = {}
    for revision in sorted(running - set(declared)):
        plane = ControlPlane(api, selector=of_revision(revision))
        try:
            proxies = sorted({state.proxy for state in plane.acknowledgements()})
        except ControlPlaneUnreachableError:
            continue
        if proxies:
            found[revision] = proxies
    return found


def in_use(found: Mapping[str, Sequence[str]]) -> str:
    """The sentence about control planes that cannot go yet; empty where all can."""
    return "\n".join(
        f"istio.revisions: {revision} is gone from the stack, and {len(proxies)} running "
        f"{'proxy follows' if len(proxies) == 1 else 'proxies follow'} it still: {', '.join(proxies[:_NAMED])}"
        f"{' and others' if len(proxies) > _NAMED else ''}. Restart their pods (kubectl rollout restart), so that the "
        "new control plane injects them, and run the same command again; nothing has been deleted."
        for revision, proxies in found.items()
    )
