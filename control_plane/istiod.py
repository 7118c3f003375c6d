"""Has every proxy taken its configuration? istiod is asked, and for a refusal the Envoy that refused."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.control_plane.acknowledgement import (
    Acknowledgement,
    ControlPlaneUnreachableError,
    NotSyncedError,
    Progress,
    Rejection,
    UpdateRejectedError,
    acknowledgements,
    error_states,
    first_line,
    progress,
    rejections,
)
from chatgpt_mesh.control_plane.installation import ISTIOD
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from chatgpt_mesh.control_plane.kubernetes_api import Api

_DEBUG_PORT = 8080
_METRICS_PORT = 15014
_ENVOY_ADMIN_PORT = 15000

TIMEOUT_SECONDS = 60.0

_POLL_SECONDS = 0.2

# istiod merges changes that come within 100 ms of each other (PILOT_DEBOUNCE_AFTER) before it pushes.
_QUIET_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Every istiod of one namespace; each knows only the proxies that are connected to it."""

    api: Api
    namespace: str = ROOT_NAMESPACE
    selector: str = ISTIOD

    def _istiods(self) -> list[str]:
        try:
            pods = self.api.pods(self.namespace, self.selector)
        except Exception as error:
            raise ControlPlaneUnreachableError(
                f"The cluster does not say which istiod runs: {first_line(error)}"
            ) from error
        if not pods:
            raise ControlPlaneUnreachableError(
                f"No running pod with the label {self.selector} in the namespace {self.namespace}: "
                "name Istio's namespace with --istio-namespace, or look why istiod does not run."
            )
        return pods

    def _ask(self, port: int, path: str) -> Iterator[str]:
        for pod in self._istiods():
            try:
                yield self.api.get(self.namespace, pod, port, path)
            except Exception as error:
                raise ControlPlaneUnreachableError(
                    f"istiod ({pod}.{self.namespace}) does not answer {path} on port {port} through the API "
                    f"server's port-forward: {first_line(error)}. It needs the right to create pods/portforward."
                ) from error

    def acknowledgements(self) -> list[Acknowledgement]:
        return [
            state
            for body in self._ask(_DEBUG_PORT, "/debug/syncz")
            for state in acknowledgements(json.loads(body) or [])
        ]

    def progress(self) -> Progress:
        parts = [progress(body) for body in self._ask(_METRICS_PORT, "/metrics")]
        return Progress(
            sum(part.received for part in parts), sum(part.pushed for part in parts), sum(part.taken for part in parts)
        )

    def rejections(self) -> list[Rejection]:
        """What is refused at this moment; where istiod's record names no object, the Envoy itself is asked."""
        return self._with_objects(rejections(self.acknowledgements()))

    def _with_objects(self, refused: Iterable[Rejection]) -> list[Rejection]:
        return [named for rejection in refused for named in self._named(rejection)]

    def _named(self, rejection: Rejection) -> list[Rejection]:
        if rejection.object or rejection.xds_type not in {"LDS", "CDS", "RDS"}:
            return [rejection]
        pod, _, namespace = rejection.proxy.rpartition(".")
        try:
            dump = json.loads(self.api.get(namespace, pod, _ENVOY_ADMIN_PORT, "/config_dump"))
        except Exception:  # the proxy may be gone, or not ours to ask: istiod's record stands for itself
            return [rejection]
        states = [(name, reason) for name, reason in error_states(dump) if name]
        return [
            Rejection(rejection.proxy, rejection.xds_type, name, reason or rejection.reason) for name, reason in states
        ] or [rejection]

    def refused(self) -> list[Acknowledgement]:
        """What proxies refuse at this moment."""
        return [state for state in self.acknowledgements() if state.error]

    def wait_synced(
        self,
        *,
        timeout: float = TIMEOUT_SECONDS,
        known: Collection[Acknowledgement] = (),
        since: Progress | None = None,
        changes: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait until every connected proxy has acknowledged all that was written before this call.

        istiod does not say which objects a push contained. So it counts as done when every proxy has acknowledged the
        last that was sent to it, and istiod has either been quiet for half a second (five times its debounce; no proxy
        came out of its queue either) or completed two pushes since the call: the first may have begun before, the
        second cannot.

        Args:
            timeout: seconds.
            known: refusals to let pass (`refused()` lists those of now), so that the change that mends them can go on.
            since: `progress()` from before a write. Without it half a second of quiet counts, and a write that reaches
                istiod later than that (a busy API server, a watch that lags) is missed.
            changes: how many changes of Istio's objects istiod must have received since then.

        Raises:
            UpdateRejectedError: at once, when a proxy refuses an update.
            NotSyncedError: after `timeout`; the sentence names the proxies that are behind.
            ControlPlaneUnreachableError: istiod cannot be asked.
        """
        began = quiet_since = clock()
        first = last = self.progress()
        # Each istiod counts what it has received itself.
        expected = since.received + changes * len(self._istiods()) if since is not None else 0.0
        arrived = first.received >= expected
        passed = {state.refusal for state in known}
        while True:
            sleep(_POLL_SECONDS)
            states = [state for state in self.acknowledgements() if not state.error or state.refusal not in passed]
            if any(state.error for state in states):
                raise UpdateRejectedError(self._with_objects(rejections(states)))
            now, latest = clock(), self.progress()
            if latest != last:
                last, quiet_since = latest, now
            if not arrived and latest.received >= expected:
                arrived, first = True, latest  # pushes before that cannot have held it
            settled = arrived and (now - quiet_since >= _QUIET_SECONDS or latest.pushed >= first.pushed + 2)
            behind = sorted({state.proxy for state in states if state.pending})
            if settled and not behind:
                return
            if now - began > timeout:
                who = f"these proxies are behind: {', '.join(behind)}" if behind else "istiod keeps getting changes"
                if not arrived:
                    who = f"istiod has not received what was written ({latest.received:.0f} changes of {expected:.0f})"
                raise NotSyncedError(
                    f"Not every proxy has acknowledged its configuration after {timeout:.0f} s; {who}."
                )
