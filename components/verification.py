"""Has every proxy taken what was written? `up` says so, or fails with the proxy, the object and Envoy's reason.

The API server and istiod's webhook accept objects that Envoy then refuses, and nothing in Kubernetes shows it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError, NotSyncedError
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.control_plane.acknowledgement import Acknowledgement


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How the program itself asks the cluster: a kubeconfig by path, or by content."""

    kubeconfig: str | None = None
    context: str | None = None
    configuration: Mapping[str, Any] | None = None

    def control_plane(self) -> ControlPlane:
        api = KubernetesApi(kubeconfig=self.kubeconfig, context=self.context, configuration=self.configuration)
        return ControlPlane(api)


class Verification:
    """Asks the control planes of one cluster. Nothing is asked in a preview.

    What a proxy refuses already when `up` begins is warned of and does not fail it: the `up` that brought it has
    failed, and the engine deletes what a stack no longer has only after the program has ended well.
    """

    def __init__(self, access: pulumi.Input[ClusterAccess]) -> None:
        self._access = pulumi.Output.from_input(access)
        self._refused_before: list[Acknowledgement] = []
        # A cluster whose address is not known yet is only being made, and has no proxies.
        if isinstance(access, ClusterAccess) and not pulumi.runtime.is_dry_run():
            self._refused_before = self._refused(access)

    def acknowledged(self) -> pulumi.ResourceHook:
        """A hook that ends when every proxy has acknowledged what was written, so that what depends on the resource,
        and the deletions at the end of an `up`, find no proxy with an old route."""

        async def wait(_: pulumi.ResourceHookArgs) -> None:
            access = await self._access.future()
            if access is not None:
                await asyncio.to_thread(self._wait, access)

        return pulumi.ResourceHook("every-proxy-has-acknowledged", wait)

    def after(self, resources: Sequence[pulumi.Resource]) -> None:
        """Fails `up` when, after all of the resources, a proxy refuses an update or is behind."""
        if pulumi.runtime.is_dry_run():
            return

        async def check(found: Sequence[Any]) -> None:
            try:
                await asyncio.to_thread(self._wait, found[0])
            except NotSyncedError as error:
                raise pulumi.RunError(str(error)) from None
            for state in self._refused_before:
                pulumi.log.warn(
                    f"{state.proxy} refused {state.xds_type} before this update already: {state.error}. "
                    "If this update takes the object out, `python -m mesh verify` says so when it has ended."
                )

        pulumi.Output.all(self._access, *(resource.urn for resource in resources)).apply(check)

    def _refused(self, access: ClusterAccess) -> list[Acknowledgement]:
        try:
            return access.control_plane().refused()
        except ControlPlaneUnreachableError:
            return []

    def _wait(self, access: ClusterAccess) -> None:
        access.control_plane().wait_synced(known=self._refused_before)
