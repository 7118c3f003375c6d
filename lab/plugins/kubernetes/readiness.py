"""When an object counts as ready, and when it is gone."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.json_types import JsonObject, object_at, objects_at
from lab.plugins.kubernetes.connection import UnreachableClusterError
from lab.plugins.kubernetes.objects import Identity, Objects
from lab.plugins.plugin import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable


DEFAULT_TIMEOUT_SECONDS = 600.0  # the default of Pulumi's own plugin
ON_DELETE = "OnDelete"  # the update strategy that replaces pods only as somebody deletes them


class WaitCancelledError(PluginError):
    """The operator stopped the update while an object was waited for."""


@dataclass(frozen=True)
class Readiness:
    """`reason` says what is missing; `hopeless` that waiting longer cannot help."""

    ready: bool
    reason: str = ""
    hopeless: bool = False


READY = Readiness(ready=True)


def _waiting(reason: str, *, hopeless: bool = False) -> Readiness:
    return Readiness(ready=False, reason=reason, hopeless=hopeless)


def _condition(manifest: JsonObject, kind: str) -> JsonObject:
    found = (c for c in objects_at(manifest, "status", "conditions") if c.get("type") == kind)
    return next(found, JsonObject())


def _selector(labels: JsonObject) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


@dataclass
class Waiter:
    """Waits for objects of one cluster; `cancelled` ends every wait."""

    objects: Objects
    cancelled: threading.Event = field(default_factory=threading.Event)

    def until_ready(
        self, live: JsonObject, timeout: float, report: Callable[[str], None]
    ) -> tuple[JsonObject, list[str]]:
        """Poll until the object is ready, for `timeout` seconds at most.

        Returns the last live object, and the reasons why it is not ready (none if it is).
        """
        identity = Identity.of(live)
        deadline = time.monotonic() + timeout
        pause, said = 0.1, ""
        while True:
            try:
                state = self.readiness(live)
            except UnreachableClusterError as silence:  # an API server may restart within a wait
                state = _waiting(str(silence))
            if state.ready:
                return live, []
            if state.hopeless or time.monotonic() > deadline:
                within = "" if state.hopeless else f" within {timeout:.0f} s"
                return live, [f"{identity} is not ready{within}: {state.reason}"]
            if state.reason != said:
                said = state.reason
                report(f"waiting: {said}")
            if self.cancelled.wait(pause):
                return live, [f"the wait for {identity} was stopped: {state.reason}"]
            pause = min(pause * 1.5, 2.0)
            with suppress(UnreachableClusterError):
                found = self.objects.get(identity)
                if found is None:
                    return live, [f"{identity} was deleted by somebody while it was waited for"]
                live = found

    def until_gone(self, identity: Identity, uid: str, timeout: float, report: Callable[[str], None]) -> None:
        """Poll until the object is gone (or another one has its name). Raises PluginError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        pause, said = 0.05, ""
        while True:
            try:
                live = self.objects.get(identity)
                if live is None or (uid and live["metadata"].get("uid") != uid):
                    return
                reason = _why_still_there(live)
            except UnreachableClusterError as silence:
                reason = str(silence)
            if time.monotonic() > deadline:
                raise PluginError(f"{identity} is still there after {timeout:.0f} s: {reason}")
            if reason != said and pause > 0.5:
                said = reason
                report(f"deleting: {reason}")
            if self.cancelled.wait(pause):
                raise WaitCancelledError(f"The wait for the deletion of {identity} was stopped: {reason}")
            pause = min(pause * 1.5, 2.0)

    def readiness(self, live: JsonObject) -> Readiness:
        checks: dict[tuple[str, str], Callable[[JsonObject], Readiness]] = {
            ("apps", "Deployment"): self._deployment,
            ("apps", "StatefulSet"): self._stateful_set,
            ("apps", "DaemonSet"): self._daemon_set,
            ("batch", "Job"): self._job,
            ("v1", "Pod"): self._pod,
            ("v1", "PersistentVolumeClaim"): self._claim,
            ("v1", "Service"): self._service,
            ("apiextensions.k8s.io", "CustomResourceDefinition"): self._definition,
        }
        check = checks.get((live.get("apiVersion", "").split("/")[0], live.get("kind", "")))
        return check(live) if check else READY

    def _deployment(self, live: JsonObject) -> Readiness:
        spec, status = object_at(live, "spec"), object_at(live, "status")
        if status.get("observedGeneration", 0) < live["metadata"].get("generation", 1):
            return _waiting("the controller has not seen this version of the Deployment")
        progressing = _condition(live, "Progressing")
        if progressing.get("reason") == "ProgressDeadlineExceeded":
            message = f"{progressing.get('message')} {self._pods(live)}"
            return _waiting(message.strip(), hopeless=True)
        wanted = spec.get("replicas", 1)
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
        if updated >= wanted and available >= wanted and status.get("replicas", 0) <= updated:
            return READY
        return _waiting(
            f"{available} of {wanted} replicas are available, {updated} are up to date. {self._pods(live)}".strip()
        )

    def _stateful_set(self, live: JsonObject) -> Readiness:
        spec, status = object_at(live, "spec"), object_at(live, "status")
        if status.get("observedGeneration", 0) < live["metadata"].get("generation", 1):
            return _waiting("the controller has not seen this version of the StatefulSet")
        wanted = spec.get("replicas", 1)
        ready = status.get("readyReplicas", 0)
        updated = status.get("updatedReplicas", status.get("currentReplicas", 0))
        on_delete = object_at(spec, "updateStrategy").get("type") == ON_DELETE
        if ready >= wanted and (on_delete or updated >= wanted):
            return READY
        return _waiting(f"{ready} of {wanted} replicas are ready, {updated} are up to date. {self._pods(live)}".strip())

    def _daemon_set(self, live: JsonObject) -> Readiness:
        status = object_at(live, "status")
        if status.get("observedGeneration", 0) < live["metadata"].get("generation", 1):
            return _waiting("the controller has not seen this version of the DaemonSet")
        wanted = status.get("desiredNumberScheduled", 0)
        available, updated = status.get("numberAvailable", 0), status.get("updatedNumberScheduled", 0)
        on_delete = object_at(live, "spec", "updateStrategy").get("type") == ON_DELETE
        if available >= wanted and (on_delete or updated >= wanted):
            return READY
        return _waiting(
            f"{available} of {wanted} pods are available, {updated} are up to date. {self._pods(live)}".strip()
        )

    def _job(self, live: JsonObject) -> Readiness:
        if _condition(live, "Complete").get("status") == "True":
            return READY
        failed = _condition(live, "Failed")
        if failed.get("status") == "True":
            return _waiting(f"the Job failed: {failed.get('message', failed.get('reason', ''))}", hopeless=True)
        return _waiting(f"the Job has not completed. {self._pods(live)}".strip())

    def _pod(self, live: JsonObject) -> Readiness:
        phase = object_at(live, "status").get("phase")
        if phase == "Succeeded" or _condition(live, "Ready").get("status") == "True":
            return READY
        return _waiting(_pod_trouble(live) or f"the Pod is {phase}", hopeless=phase == "Failed")

    def _claim(self, live: JsonObject) -> Readiness:
        phase = object_at(live, "status").get("phase")
        name = object_at(live, "spec").get("storageClassName")
        if phase == "Bound" or not name:
            return READY
        storage_class = self.objects.get(Identity("storage.k8s.io/v1", "StorageClass", "", name))
        if storage_class and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
            return READY
        return _waiting(f"the claim is {phase}")

    def _service(self, live: JsonObject) -> Readiness:
        spec = object_at(live, "spec")
        if spec.get("type") == "LoadBalancer" and not object_at(live, "status", "loadBalancer").get("ingress"):
            return _waiting("no load balancer has given the Service an address")
        if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
            return READY
        metadata = live["metadata"]
        slices = self.objects.list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            metadata["namespace"],
            f"kubernetes.io/service-name={metadata['name']}",
        )
        ready = any(
            object_at(endpoint, "conditions").get("ready") is not False
            for endpoint_slice in slices
            for endpoint in objects_at(endpoint_slice, "endpoints")
        )
        return READY if ready else _waiting(f"no ready Pod is behind the Service ({_selector(spec['selector'])})")

    def _definition(self, live: JsonObject) -> Readiness:
        if _condition(live, "Established").get("status") == "True":
            return READY
        names = _condition(live, "NamesAccepted")
        if names.get("status") == "False":
            return _waiting(f"its names are taken: {names.get('message')}", hopeless=True)
        return _waiting("the kind is not established")

    def _pods(self, live: JsonObject) -> str:
        """What keeps the pods of a workload from running, one clause for each kind of trouble."""
        labels = object_at(live, "spec", "selector", "matchLabels")
        if not labels:
            return ""
        pods = self.objects.list("v1", "Pod", live["metadata"]["namespace"], _selector(labels))
        troubles = dict.fromkeys(text for pod in pods if (text := _pod_trouble(pod)))
        return "; ".join(troubles)


def _pod_trouble(pod: JsonObject) -> str:
    name, status = pod["metadata"]["name"], object_at(pod, "status")
    for container in [*objects_at(status, "initContainerStatuses"), *objects_at(status, "containerStatuses")]:
        waiting = object_at(container, "state", "waiting")
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return (
                f"Pod {name}, container {container['name']}: {waiting['reason']}: {waiting.get('message', '')}".strip(
                    ": "
                )
            )
        ended = object_at(container, "state", "terminated")
        if ended.get("exitCode"):
            return f"Pod {name}, container {container['name']} ended with exit code {ended['exitCode']}"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"Pod {name} is not scheduled: {scheduled.get('message', '')}".strip(": ")
    return ""


def _why_still_there(live: JsonObject) -> str:
    reasons = [
        condition["message"]
        for condition in objects_at(live, "status", "conditions")
        if live.get("kind") == "Namespace" and condition.get("status") == "True" and condition.get("message")
    ]
    metadata: JsonObject = live["metadata"]
    of_object: list[str] = metadata.get("finalizers") or []
    of_namespace: list[str] = object_at(live, "spec").get("finalizers") or []
    finalizers = of_object + of_namespace
    if finalizers and metadata.get("deletionTimestamp"):
        reasons.append(f"finalizers are left: {', '.join(finalizers)}")
    return " ".join(reasons) or "the API server still has it"
