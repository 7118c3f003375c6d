"""Objects of the cluster, changed for a moment and restored without a trace."""

from __future__ import annotations

import contextlib
import copy
import time
from typing import TYPE_CHECKING, Any

from kubernetes import client as kubernetes_client
from kubernetes.dynamic import DynamicClient
from urllib3.exceptions import HTTPError

from chatgpt_mesh.istio_api.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chatgpt_mesh.control_plane.acknowledgement import Progress
    from chatgpt_mesh.control_plane.istiod import ControlPlane

_PATIENCE_SECONDS = 120.0


class LiveObjects:
    """Changes objects of the cluster and restores them without a trace: the field manager stays their owner."""

    def __init__(self, api_client: Any, plane: ControlPlane) -> None:
        self._dynamic = DynamicClient(api_client)
        self._plane = plane

    def _kind(self, kind: str) -> Any:
        found = [one for one in self._dynamic.resources.search(kind=kind) if hasattr(one, "preferred")]
        preferred = [one for one in found if one.preferred] or found
        return preferred[0]

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        return self._kind(kind).get(name=name, namespace=namespace).to_dict()

    def manager(self, kind: str, namespace: str, name: str) -> str:
        """Who has applied an object: who applies it by another name stays an owner of it."""
        return _declared(self.get(kind, namespace, name))[1]

    def names(self, kind: str, namespace: str) -> list[str]:
        return [item.metadata.name for item in self._kind(kind).get(namespace=namespace).items]

    def apply(self, manifest: Mapping[str, Any], manager: str = "behaviour-tests") -> None:
        metadata = manifest["metadata"]
        self._kind(manifest["kind"]).server_side_apply(
            body=manifest,
            name=metadata["name"],
            namespace=metadata.get("namespace"),
            field_manager=manager,
            force_conflicts=True,
        )

    def delete(self, kind: str, namespace: str, name: str) -> None:
        self._kind(kind).delete(name=name, namespace=namespace, body={"gracePeriodSeconds": 0})

    def progress(self) -> Progress:
        """What istiod has received until now; given to `wait_synced` after a write."""
        return self._plane.progress()

    def wait_synced(self, since: Progress | None = None, *kinds: str, within: float = _PATIENCE_SECONDS) -> None:
        """Until every proxy has taken what was written: objects of `kinds`, of which istiod has received those that are
        Istio's own since `since`."""
        changes = sum(kind in KINDS for kind in kinds)
        self._plane.wait_synced(since=since if changes else None, changes=changes, timeout=within)

    @contextlib.contextmanager
    def edited(self, kind: str, namespace: str, name: str, edit: Callable[[dict[str, Any]], object]) -> Iterator[None]:
        """The object with `edit` applied to its manifest, in force at every proxy; restored at the end."""
        original, manager = _declared(self.get(kind, namespace, name))
        changed = copy.deepcopy(original)
        edit(changed)
        if changed == original:
            raise AssertionError(f"the edit does not change {kind} {namespace}/{name}: what it takes out is not there")
        with self._restoring(original, manager):
            before = self.progress()
            self.apply(changed, manager)
            self.wait_synced(before, kind)
            yield

    @contextlib.contextmanager
    def without(self, kind: str, namespace: str, *names: str) -> Iterator[None]:
        """The mesh without these objects; restored at the end."""
        with contextlib.ExitStack() as stack:
            before = self.progress()
            for name in names:
                original, manager = _declared(self.get(kind, namespace, name))
                stack.enter_context(self._restoring(original, manager))
                self.delete(kind, namespace, name)
            self.wait_synced(before, *(kind for _ in names))
            yield

    @contextlib.contextmanager
    def with_added(self, *manifests: Mapping[str, Any]) -> Iterator[None]:
        """The mesh with these objects beside its own; they are deleted at the end."""
        try:
            before = self.progress()
            for manifest in manifests:
                self.apply(manifest)
            self.wait_synced(before, *(manifest["kind"] for manifest in manifests))
            yield
        finally:
            before, gone = self.progress(), list[str]()
            for manifest in reversed(manifests):
                metadata = manifest["metadata"]
                with contextlib.suppress(kubernetes_client.ApiException):
                    self.delete(manifest["kind"], metadata.get("namespace"), metadata["name"])
                    gone.append(manifest["kind"])
            self.wait_synced(before, *gone)

    @contextlib.contextmanager
    def replaced(
        self,
        before: Mapping[str, Mapping[str, Any]],
        after: Mapping[str, Mapping[str, Any]],
        *,
        within: float = _PATIENCE_SECONDS,
    ) -> Iterator[None]:
        """Many objects at once: those of `after` where those of `before` are, by key, in force at every proxy.

        Only what differs is touched, and it is as it was at the end.
        """
        gone = [one for key, one in before.items() if key not in after]
        new = [one for key, one in after.items() if key not in before]
        other = [one for key, one in after.items() if key in before and before[key] != one]
        kept = [_declared(self.get(*_name(one))) for one in (*gone, *other)]
        managers = [manager for _, manager in kept[len(gone) :]]
        kinds = [one["kind"] for one in (*gone, *new, *other)]
        try:
            since = self.progress()
            for manifest in new:
                self.apply(manifest)
            for manifest, manager in zip(other, managers, strict=True):
                self.apply(manifest, manager)
            for manifest in gone:
                self.delete(*_name(manifest))
            self.wait_synced(since, *kinds, within=within)
            yield
        finally:
            since = self.progress()
            for original, manager in kept:
                self._restore(original, manager)
            for manifest in new:
                with contextlib.suppress(kubernetes_client.ApiException):
                    self.delete(*_name(manifest))
            self.wait_synced(since, *kinds, within=within)

    @contextlib.contextmanager
    def _restoring(self, original: Mapping[str, Any], manager: str) -> Iterator[None]:
        try:
            yield
        finally:
            before = self.progress()
            self._restore(original, manager)
            self.wait_synced(before, original["kind"])

    def _restore(self, original: Mapping[str, Any], manager: str) -> None:
        """Insist: what stays changed would falsify every test that follows."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self.apply(original, manager)
            except (kubernetes_client.ApiException, HTTPError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return


def _name(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    return manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _declared(live: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What was applied, and by whom: the manifest without what the API server adds."""
    metadata = live["metadata"]
    managers = [entry["manager"] for entry in metadata.get("managedFields", ()) if entry["operation"] == "Apply"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if metadata.get(key)}
    manifest = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": kept}
    # The client reads an empty mapping as None.
    manifest |= {part: live[part] or {} for part in ("spec", "data", "type") if part in live}
    return manifest, managers[0] if managers else "behaviour-tests"
