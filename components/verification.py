"""Has every proxy taken what was written? `up` says so, or fails with the proxy, the object and Envoy's reason.

The API server and istiod's webhook accept objects that Envoy then refuses, and nothing in Kubernetes shows it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError, NotSyncedError
from chatgpt_mesh.control_plane.certificates import wait_until_taken
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi
from chatgpt_mesh.control_plane.revisions import followed, in_use

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from chatgpt_mesh.control_plane.acknowledgement import Acknowledgement


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How the program itself asks the cluster: a kubeconfig by path, or by content."""

    kubeconfig: str | None = None
    context: str | None = None
    configuration: Mapping[str, Any] | None = None

    def api(self) -> KubernetesApi:
        return KubernetesApi(kubeconfig=self.kubeconfig, context=self.context, configuration=self.configuration)

    def control_plane(self) -> ControlPlane:
        return ControlPlane(self.api())


class Verification:
    """Asks the control planes of one cluster. Nothing is asked in a preview.

    What a proxy refuses already when `up` begins is warned of and does not fail it: the `up` that brought it has
    failed, and the engine deletes what a stack no longer has only after the program has ended well.
    """

    def __init__(self, access: pulumi.Input[ClusterAccess]) -> None:
        self._access = pulumi.Output.from_input(access)
        self._refused_before: list[Acknowledgement] = []
        # A thread of its own: each registration under way holds one of the event loop's until its step has ended, and a
        # step ends after its hook. With more routes under way than threads no hook would ever run.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="acknowledgement")
        self._one_at_a_time = asyncio.Lock()
        self._coming: asyncio.Task[None] | None = None
        # A cluster whose address is not known yet is only being made, and has no proxies.
        if isinstance(access, ClusterAccess) and not pulumi.runtime.is_dry_run():
            self._refused_before = self._refused(access)

    def acknowledged(self) -> pulumi.ResourceHook:
        """A hook that ends when every proxy has acknowledged what was written, so that what depends on the resource
        finds no proxy with an old route."""

        async def wait(_: pulumi.ResourceHookArgs) -> None:
            access = await self._access.future()
            if access is not None:
                await self._synced(access)

        return pulumi.ResourceHook("every-proxy-has-acknowledged", wait)

    def certificates_taken(self) -> pulumi.ResourceHook:
        """A hook that ends when objects of cert-manager can be written."""

        async def wait(_: pulumi.ResourceHookArgs) -> None:
            access = await self._access.future()
            if access is not None:
                await asyncio.get_running_loop().run_in_executor(self._thread, _wait_for_cert_manager, access)

        return pulumi.ResourceHook("cert-manager-takes-objects", wait)

    def after(self, resources: Sequence[pulumi.Resource], *, revisions: Collection[str] | None = None) -> None:
        """Fails `up` when, after all of the resources, a proxy refuses an update or is behind, or follows a control
        plane that is not among the `revisions` (None: the stack installs none).

        The program ends only then, and the engine deletes what is gone only when the program has ended well: so nothing
        is deleted that a proxy still has a route to.
        """
        if pulumi.runtime.is_dry_run():
            return

        async def check(found: Sequence[Any]) -> None:
            try:
                await self._synced(found[0])
                await asyncio.get_running_loop().run_in_executor(self._thread, _require_moved, found[0], revisions)
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

    async def _synced(self, access: ClusterAccess) -> None:
        """Whoever asks while a wait is under way shares the next with all others who do: it begins after they asked."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._next_wait(access))
        await asyncio.shield(self._coming)

    async def _next_wait(self, access: ClusterAccess) -> None:
        async with self._one_at_a_time:
            self._coming = None
            await asyncio.get_running_loop().run_in_executor(self._thread, self._wait, access)

    def _wait(self, access: ClusterAccess) -> None:
        access.control_plane().wait_synced(known=self._refused_before)


def _require_moved(access: ClusterAccess, revisions: Collection[str] | None) -> None:
    if revisions is not None and (sentence := in_use(followed(access.api(), revisions))):
        raise pulumi.RunError(sentence)


def _wait_for_cert_manager(access: ClusterAccess) -> None:
    try:
        wait_until_taken(access.api())
    except ControlPlaneUnreachableError as error:
        raise pulumi.RunError(str(error)) from None
