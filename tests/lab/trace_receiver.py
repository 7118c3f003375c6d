"""The receiver of traces beside the mesh, under the names of the stack's providers, as a test asks it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import trace_backend
from lab.workloads.caller import CONTROL_PORT
from lab.workloads.trace_receiver import Span, Wire
from tests.lab.kubectl import kubectl, wait_rolled_out
from tests.lab.running_lab import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.running_lab import Pod, RunningLab

ARRIVES_WITHIN = 15.0
"""Seconds. Envoy sends spans after five seconds, or once it has five."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """The receiver's pod."""

    pod: Pod

    def spans(self) -> list[Span]:
        """All that have arrived."""
        found = json.loads(self.pod.fetch(CONTROL_PORT, "/spans"))
        return [Span(**{**one, "wire": Wire(one["wire"])}) for one in found]

    def trace_with(self, tag: str, value: str) -> list[Span]:
        """The spans of every trace in which one has this tag."""
        spans = self.spans()
        traces = {span.trace for span in spans if span.tags.get(tag) == value}
        return [span for span in spans if span.trace in traces]

    def wait_for(self, ask: Callable[[], list[Span]], count: int) -> list[Span]:
        """Until so many are there."""
        eventually(lambda: len(ask()) >= count, within=ARRIVES_WITHIN, what=f"{count} spans are there")
        return ask()


@contextlib.contextmanager
def receiving(lab: RunningLab) -> Iterator[Receiver]:
    """The cluster with the receiver on it."""
    trace_backend.ensure_image(lab.state)
    services = [one.service for one in lab.stack.telemetry.providers.values() if one.service is not None]
    manifests = [*trace_backend.manifests(dict.fromkeys(services))]
    namespace = manifests[0]["metadata"]["name"]
    # One that was there a moment ago may still be going.
    kubectl(lab, "wait", f"namespace/{namespace}", "--for=delete", "--timeout=60s")
    with lab.objects.with_added(*manifests):
        wait_rolled_out(lab, namespace, f"deployment/{trace_backend.NAME}")
        yield Receiver(lab.pod(namespace, trace_backend.NAME))
