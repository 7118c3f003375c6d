"""Faults as a route carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    HTTPFaultInjection,
    HTTPFaultInjection_Abort,
    HTTPFaultInjection_Delay,
    Percent,
)

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.faults import FaultSpec


def fault_injection(spec: FaultSpec) -> HTTPFaultInjection:
    share = Percent(value=spec.percent)
    return HTTPFaultInjection(
        delay=None if spec.delay is None else HTTPFaultInjection_Delay(fixed_delay=spec.delay, percentage=share),
        abort=None if spec.abort is None else HTTPFaultInjection_Abort(http_status=spec.abort, percentage=share),
    )
