"""Previews: what the API server and its admission webhooks would make of a change, asked by dry runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.plugins.difference import Change, is_immutable, mark_immutable
from lab.plugins.kubernetes.connection import KubernetesError, UnreachableClusterError
from lab.plugins.kubernetes.discovery import KindNotServedError, Plan
from lab.plugins.kubernetes.managers import only_taken_over
from lab.plugins.kubernetes.manifest import checkpoint, planned_outputs
from lab.plugins.kubernetes.objects import Identity, Objects, explain
from lab.plugins.plugin import EngineLog, PluginError
from lab.plugins.wire import contains_unknown, secret_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.json_types import JsonObject


@dataclass(frozen=True)
class PlannedWrite:
    """One object that an update would write: the engine's `inputs`, and the `manifest` that the API server gets."""

    inputs: JsonObject
    manifest: JsonObject
    manager: str
    force: bool
    urn: str


@dataclass(frozen=True)
class Preview:
    """Previews against one cluster."""

    objects: Objects
    plan: Plan
    log: EngineLog
    upsert: bool

    def replacements(self, changes: Iterable[Change], manifest: JsonObject, manager: str) -> list[Change]:
        """The changes, with those marked that the API server would not take on the existing object."""
        changes = list(changes)
        try:
            if self.objects.get(Identity.of(manifest)) is not None:
                self.objects.apply(manifest, manager=manager, force=True, dry_run=True)
        except KubernetesError as error:
            messages = [error.message, *(str(cause.get("message", "")) for cause in error.causes)]
            if error.code == 422 and any(map(is_immutable, messages)):
                return mark_immutable(changes, error.causes, error.message)
        except (UnreachableClusterError, KindNotServedError):
            pass  # said by the preview of the update itself, which comes next
        return changes

    def outputs(self, write: PlannedWrite, *, existing: bool) -> JsonObject:
        """What the object will be, as the API server and its admission webhooks see it.

        Where they cannot be asked, it is the inputs; so it is for a replacement, since its predecessor is still there.
        Raises PluginError when they refuse the object.
        """
        identity = Identity.of(write.manifest)
        unchecked = planned_outputs(write.inputs, write.inputs, existing=existing)
        if contains_unknown(write.inputs) or (not existing and self.plan.replaces(identity)):
            return unchecked
        try:
            if not existing and not self.upsert and self.objects.get(identity) is not None:
                raise already_exists(identity)
            result = self._dry_run(write, existing=existing)
            return planned_outputs(checkpoint(result, write.inputs, write.manager), write.inputs, existing=existing)
        except UnreachableClusterError as error:
            self.log.warning(f"{error} The preview shows this provider's resources unchecked.")
        except KindNotServedError as error:
            if self.plan.namespaced(identity.api_version, identity.kind) is None:
                self.log.warning(f"{error} The preview shows it unchecked.", write.urn)
        except KubernetesError as error:
            self._unchecked(identity, error, write)
        return unchecked

    def _dry_run(self, write: PlannedWrite, *, existing: bool) -> JsonObject:
        try:
            return self.objects.apply(write.manifest, manager=write.manager, force=write.force, dry_run=True)
        except KubernetesError as error:
            if not existing or not only_taken_over(error.causes):
                raise
        return self.objects.apply(write.manifest, manager=write.manager, force=True, dry_run=True)

    def _unchecked(self, identity: Identity, error: KubernetesError, write: PlannedWrite) -> None:
        """Let a preview go on where the dry run could not say anything of the object itself; raise otherwise."""
        if error.code == 404 and "namespaces" in error.message:
            if self.plan.has_namespace(identity.namespace):
                return
            reason = f"The namespace {identity.namespace} of {identity} neither exists nor is planned so far."
        elif error.code == 403 and error.reason == "Forbidden" and "cannot patch" in error.message:
            reason = f"These credentials may not dry-run {identity}, so nothing validated it: {error.message}"
        elif error.code == 400 and "dry run" in error.message:
            reason = f"{identity} is not validated in previews: {error.message}"
        else:
            raise explain(identity, "applied", error, secret_texts(write.inputs), write.urn) from error
        self.log.warning(reason, write.urn)


def already_exists(identity: Identity) -> PluginError:
    return PluginError(
        f"{identity} already exists in the cluster. Import it, delete it, or set `upsert_existing_objects` "
        "on the provider to adopt it."
    )
